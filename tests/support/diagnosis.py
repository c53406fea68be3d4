"""What a failed end-to-end test shows of the cluster."""

from tests.support import install
from tests.support.kube import Kube

_LINES = 150
_OBJECTS = (
    "modeldeployments,registryconnections,controllerrevisions,services,endpointslices,poddisruptionbudgets"
)


def report(kube: Kube, namespace: str) -> dict[str, str]:
    """Title -> text."""
    here = ("-n", namespace)
    return {
        "ModelDeployments": _try(kube, *here, "get", "mdep", "-o", "wide"),
        "ModelDeployments in full": _try(kube, *here, "get", "mdep", "-o", "yaml"),
        "pods": _try(kube, *here, "get", "pods", "-o", "wide", "--show-labels"),
        "other objects": _try(kube, *here, "get", f"deployments,{_OBJECTS}", "-o", "wide"),
        "events": _try(kube, *here, "get", "events", "--sort-by=.lastTimestamp"),
        "logs of pods": _try(
            kube,
            *here,
            "logs",
            "-l",
            "app.kubernetes.io/managed-by=pintle",
            "--all-containers",
            "--prefix",
            "--tail=15",
            "--max-log-requests=50",
            "--ignore-errors",
        ),
        "the operator's log": install.operator_log(kube, _LINES),
        "the operator's pod": _try(kube, "-n", install.SYSTEM, "get", "pods", "-o", "wide"),
    }


def _try(kube: Kube, *arguments: str) -> str:
    """What a command prints, or why it failed: a diagnosis must not hide what it is about."""
    try:
        return kube.kubectl(*arguments)
    except Exception as error:  # noqa: BLE001 - see above
        return f"(no answer: {error})"
