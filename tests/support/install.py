"""Pintle as an administrator installs it: images, CRDs, and the cluster overlay, from this working tree."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy

from pintle.domain.resources import CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, PODS, SECRETS
from pintle.naming import CREDENTIALS_TYPE
from tests.support.kube import MINE, Kube
from tests.support.rest import Json
from tests.support.schemas import CRDS, REPOSITORY, definitions
from tests.support.waiting import until

SYSTEM = "pintle-system"
OPERATOR = "pintle-operator"
APPLY = ("apply", "--server-side", "--force-conflicts", "-k")
OVERLAY = REPOSITORY / "manifests/overlays/cluster"
ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
_LABEL = f"app.kubernetes.io/name={OPERATOR}"


def remove_leftovers(kube: Kube) -> None:
    """Remove what an earlier run left: namespaces, and an operator that would act on ours."""
    kube.kubectl("-n", SYSTEM, "delete", "deployment", OPERATOR, "--ignore-not-found", "--wait=false")
    for namespace in _namespaces(kube):
        kube.delete(NAMESPACES, "", namespace)
    until(lambda: not _namespaces(kube), within=180, what="namespaces of earlier runs are gone")
    until(lambda: not operator_pods(kube), within=60, what="the operator of an earlier run is gone")


def install(kube: Kube) -> None:
    """Apply what the README says; `wait` waits for the operator."""
    install_kinds(kube)
    kube.kubectl(*APPLY, str(OVERLAY))


def install_kinds(kube: Kube) -> None:
    """The first half of that: the CRDs, established."""
    kube.kubectl(*APPLY, str(CRDS))
    names = [f"crd/{crd['metadata']['name']}" for crd in definitions().values()]
    kube.kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)


def wait(kube: Kube, *, within: float = 120) -> None:
    """Wait until the operator is ready."""
    try:
        kube.rolled_out(DEPLOYMENTS, SYSTEM, OPERATOR, within=within)
    except AssertionError as error:
        raise AssertionError(f"{error}\nthe operator's log:\n{operator_log(kube, 60)}") from None


def uninstall(kube: Kube) -> None:
    """Take the operator and the namespaces of this run away; CRDs stay, for the tests of the API server."""
    with suppress(AssertionError):
        kube.kubectl("-n", SYSTEM, "delete", "deployment", OPERATOR, "--ignore-not-found")
    for namespace in _namespaces(kube):
        kube.delete(NAMESPACES, "", namespace)


def give_credentials(
    kube: Kube, namespace: str, values: Mapping[str, str], *, name: str = "mlflow-credentials"
) -> None:
    """Make a Secret for a registry, and let the operator read it, as the page about that says."""
    body = {"metadata": {"name": name}, "type": CREDENTIALS_TYPE, "stringData": dict(values)}
    kube.create(SECRETS, namespace, body)
    kube.kubectl("-n", namespace, "apply", "-k", "manifests/components/registry-credentials")


def operator_pods(kube: Kube) -> list[Json]:
    """The operator's pods, those on their way out too."""
    return kube.list(PODS, SYSTEM, _LABEL)


def kill_operator(kube: Kube) -> set[str]:
    """End the operator by SIGKILL and have another pod take its place; returns the UIDs that are no more.

    To delete the pod alone is no kill, whatever the grace: the kubelet tells the process to stop, and
    it goes on meanwhile.
    """
    pods = operator_pods(kube)
    assert pods, "there is no operator to kill"
    for pod in pods:
        for container in pod["status"]["containerStatuses"]:
            kube.cluster.kill_container(container["containerID"])
        kube.delete(PODS, SYSTEM, pod["metadata"]["name"], grace=0)
    return {pod["metadata"]["uid"] for pod in pods}


@contextmanager
def operator_with(kube: Kube, **environment: str) -> Iterator[None]:
    """Run the operator with these variables for as long as the block lasts: it is another process then."""
    command = ("-n", SYSTEM, "set", "env", f"deployment/{OPERATOR}")
    kube.kubectl(*command, *(f"{name}={value}" for name, value in environment.items()))
    try:
        _wait_alone(kube)
        yield
    finally:
        kube.kubectl(*command, *(f"{name}-" for name in environment))
        _wait_alone(kube)


@contextmanager
def operator_changed(kube: Kube, modules: dict[str, str]) -> Iterator[None]:
    """Run the operator with more Python modules in its path for as long as the block lasts.

    `sitecustomize.py` is one that Python itself imports before everything else.
    """
    kube.delete(CONFIG_MAPS, SYSTEM, "modules")  # of a run that was killed
    kube.create(CONFIG_MAPS, SYSTEM, {"metadata": {"name": "modules"}, "data": modules})

    def change(spec: Json) -> None:
        (container,) = spec["containers"]
        container["env"].append({"name": "PYTHONPATH", "value": "/modules"})
        container["volumeMounts"].append({"name": "modules", "mountPath": "/modules"})
        spec["volumes"].append({"name": "modules", "configMap": {"name": "modules"}})

    try:
        with _operator_of(kube, change):
            yield
    finally:
        kube.delete(CONFIG_MAPS, SYSTEM, "modules")


@contextmanager
def operator_with_tokens_for(kube: Kube, seconds: int) -> Iterator[None]:
    """Give the operator tokens that are good for so long, at least 600 s, for as long as the block lasts.

    The API server takes the token that each pod gets by itself for a year, though it says an hour.
    """
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": seconds}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]

    def change(spec: Json) -> None:
        (container,) = spec["containers"]
        container["volumeMounts"].append({"name": "token", "mountPath": ACCOUNT_FOLDER})
        spec["volumes"].append({"name": "token", "projected": {"sources": sources}})

    with _operator_of(kube, change):
        yield


@contextmanager
def _operator_of(kube: Kube, change: Callable[[Json], None]) -> Iterator[None]:
    """Run the operator in a pod whose spec has been changed."""
    before = kube.get(DEPLOYMENTS, SYSTEM, OPERATOR)["spec"]["template"]
    after = deepcopy(before)
    change(after["spec"])
    try:
        kube.merge(DEPLOYMENTS, SYSTEM, OPERATOR, {"spec": {"template": after}})
        _wait_alone(kube)
        yield
    finally:
        kube.merge(DEPLOYMENTS, SYSTEM, OPERATOR, {"spec": {"template": before}})
        _wait_alone(kube)


@contextmanager
def no_operator(kube: Kube) -> Iterator[None]:
    """Have no operator at all for as long as the block lasts."""
    kube.scale(DEPLOYMENTS, SYSTEM, OPERATOR, 0)
    try:
        until(lambda: not operator_pods(kube), within=60, what="there is no operator")
        yield
    finally:
        kube.scale(DEPLOYMENTS, SYSTEM, OPERATOR, 1)
        wait(kube)


def await_another_operator(kube: Kube, gone: set[str], *, within: float = 120) -> None:
    """Wait until an operator is ready that is none of those that are gone."""

    def ready() -> bool:
        pods = operator_pods(kube)
        conditions = [c for pod in pods for c in pod["status"].get("conditions", ()) if c["type"] == "Ready"]
        others = not gone & {pod["metadata"]["uid"] for pod in pods}
        return others and any(c["status"] == "True" for c in conditions)

    until(ready, within=within, what="another operator is ready", now=lambda: operator_log(kube, 20))


def operator_log(kube: Kube, lines: int) -> str:
    """The end of the operator's log, and of that of the container before it if there was one."""
    text = []
    for pod in operator_pods(kube):
        name = pod["metadata"]["name"]
        command = ("-n", SYSTEM, "logs", name, f"--tail={lines}")
        for more in ((), ("--previous",)):
            with suppress(AssertionError):
                text.append(f"{name} {' '.join(more)}\n{kube.kubectl(*command, *more)}")
    return "\n".join(text) or "there is no operator's pod"


def _wait_alone(kube: Kube) -> None:
    """Wait until the operator is ready and none of before is left: that one leads until it is told to end."""
    wait(kube)
    until(
        lambda: len(operator_pods(kube)) == 1,
        within=60,
        what="the operator of before is gone",
        now=lambda: [pod["metadata"]["name"] for pod in operator_pods(kube)],
    )


def _namespaces(kube: Kube) -> list[str]:
    labels = ",".join(f"{k}={v}" for k, v in MINE.items())
    return [body["metadata"]["name"] for body in kube.list(NAMESPACES, labels=labels)]
