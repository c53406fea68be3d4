"""What to look at when something went wrong: the state of all that takes part, and the operator's log."""

from demo.kube import Kube

_QUESTIONS = (
    ("get", "pods", "--all-namespaces", "--output=wide"),
    ("get", "mdep,registryconnections", "--all-namespaces", "--output=wide"),
    ("describe", "mdep", "--namespace=demo"),
    ("get", "events", "--namespace=demo", "--sort-by=.lastTimestamp"),
    ("logs", "deployment/pintle-operator", "--namespace=pintle-system", "--tail=40"),
    ("logs", "deployment/pintle-operator", "--namespace=pintle-system", "--previous", "--tail=20"),
)
_LINES = 45


def diagnosis(kube: Kube) -> str:
    """Each question to the cluster as it can be typed, with the end of its answer."""
    parts = []
    for question in _QUESTIONS:
        answer = kube.run(*question, check=False).strip().splitlines()[-_LINES:]
        parts.append("\n".join([f"$ kubectl {' '.join(question)}", *answer]))
    return "\n\n".join(parts)
