"""Writes the plugin's test data from a real cluster: `.venv/bin/python -m tests.support.plugin_states`.

Brings a ModelDeployment from state to state and keeps what the plugin's kubectl answers in each:
`tests/data/plugin/STATE.json` with the object, its records, its pods and the Events; `managers.json` has
objects as different tools write them. TESTBED_NAME says on which cluster, which has to be for tests alone.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from kubectl_pintle.names import FIELD_MANAGER, RESOURCE
from pintle.naming import ANNOTATION_REJECT, LABEL_DEPLOYMENT
from tests.support.deployed import Deployed, condition, ended
from tests.support.gitops import flux
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAN, Rig, raised
from tests.support.schemas import REPOSITORY
from tests.support.waiting import until

DATA = REPOSITORY / "tests/data/plugin"
NAMES = ("proving", "standby", "failing", "proof-failed", "reshaped", "rejected")
MANAGERS = "managers"


def path_of(state: str) -> Path:
    """The file of a state."""
    return DATA / f"{state}.json"


def load(state: str) -> dict[str, Any]:
    """Members `deployment`, and lists `records`, `pods` and `events`, of a state; or tool -> object."""
    content: dict[str, Any] = orjson.loads(path_of(state).read_bytes())
    return content


_APPLY = ("apply", "--server-side")
_EDIT = ("patch", "--type=merge", "-p", '{"spec": {"version": 2}}')
# Tool -> how kubectl makes the object as it does (None: by Flux's own code), and what kubectl does then.
TOOLS: dict[str, tuple[tuple[str, ...] | None, tuple[str, ...]]] = {
    "argo-cd": ((*_APPLY, "--field-manager=argocd-controller"), ()),
    "argo-cd-edited": ((*_APPLY, "--field-manager=argocd-controller"), _EDIT),
    "argo-cd-client-side": (("create", "--field-manager=argocd-controller"), ()),
    "flux": (None, ()),
    "server-side": (_APPLY, ()),
    "client-side": (("apply",), ()),
    "edited": (("create",), _EDIT),
    "plugin": (("create",), (*_EDIT, f"--field-manager={FIELD_MANAGER}")),
    "scaled": (("create",), ("scale", "--replicas=2")),
}


@dataclass(frozen=True)
class Story:
    """One object on its way through all states."""

    rig: Rig
    iris: Deployed

    def take(self, state: str, now: tuple[Json, list[Json]] | None = None) -> None:
        """Write down how it is now; or how it was a moment ago, the object and its pods."""
        deployment, pods = now or (self.iris.body(), self.iris.pods())
        labels = f"{LABEL_DEPLOYMENT}={self.iris.name}"
        content = {
            "deployment": deployment,
            "records": self.get("controllerrevisions", "-l", labels)["items"],
            "pods": [_lean_pod(pod) for pod in pods],
            "events": [_lean_event(e) for e in self.get("events")["items"] if _is_asked_for(e)],
        }
        _write(state, content)

    def get(self, *arguments: str) -> Json:
        """What `kubectl get -o json` answers."""
        text = self.rig.kube.kubectl("-n", self.iris.namespace, "get", *arguments, "-o", "json")
        answer: Json = orjson.loads(text)
        return answer

    def tell(self) -> None:
        """Go through all states."""
        iris = self.iris
        iris.serve(LINEAR, replicas=2)
        iris.edit(version=int(BOOSTED))
        iris.refused("Proving")
        self.take("proving")
        iris.ready(BOOSTED)
        self.take("standby")
        iris.edit(version=int(NAN))
        self.take("failing", until(self._failing, within=300, what="a pod has failed", now=iris.body))
        iris.refused("ProofFailed")
        self._when(lambda: not iris.pods(NAN), "the pods of the version that failed are gone")
        self.take("proof-failed")
        iris.edit(version=int(BOOSTED), resources={"requests": {"cpu": "20m"}})
        iris.ready(BOOSTED)
        self.take("reshaped")
        iris.annotate(annotations={ANNOTATION_REJECT: f"version/{BOOSTED}"})
        self._when(lambda: iris.body()["status"]["serving"]["version"] == LINEAR, "the version before serves")
        self._when(lambda: condition(iris.body(), "Stalled")["reason"] == "RejectedByUser", "it says so")
        self._when(lambda: condition(iris.body(), "Available")["status"] == "True", "its endpoints are seen")
        self.take("rejected")

    def _failing(self) -> tuple[Json, list[Json]] | None:
        """The object, read before its pods, once one of them has failed: it tells of that at once."""
        deployment, pods = self.iris.body(), self.iris.pods()
        return (deployment, pods) if any(ended(pod) for pod in pods) else None

    def _when(self, condition: Callable[[], bool], what: str) -> None:
        until(condition, within=300, what=what, now=self.iris.body)

    def managers(self) -> Iterable[tuple[str, Json]]:
        """The object as different tools make it, and as others have edited it since."""
        for name, (make, then) in TOOLS.items():
            called = f"made-{name}"
            body = {
                "apiVersion": "pintle.dev/v1alpha1",
                "kind": "ModelDeployment",
                "metadata": {"name": called, "namespace": self.iris.namespace},
                "spec": {"model": "iris", "version": 1, "registryRef": {"name": "absent"}},
            }
            kubectl = self.rig.kube.kubectl
            if make:
                kubectl(*make, "-f", "-", stdin=yaml.safe_dump(body))
            else:
                flux.apply([body], self.rig.kube.cluster.kubeconfig)
            if then:
                verb, *options = then
                kubectl("-n", self.iris.namespace, verb, RESOURCE, called, *options)
            yield name, self.get(RESOURCE, called, "--show-managed-fields")


def _lean_pod(pod: Json) -> Json:
    """A pod without what the plugin does not read, which is most of it."""
    kept = ("name", "labels", "creationTimestamp", "deletionTimestamp")
    metadata = {k: v for k, v in pod["metadata"].items() if k in kept}
    return {"metadata": metadata, "status": pod["status"]}


def _lean_event(event: Json) -> Json:
    return {k: v for k, v in event.items() if k not in ("metadata", "apiVersion", "kind", "source")}


def _is_asked_for(event: Json) -> bool:
    """As the plugin's field selectors say."""
    kind = event["involvedObject"]["kind"]
    return bool(kind == "ModelDeployment" or (kind == "Pod" and event["type"] == "Warning"))


def _write(state: str, content: Json) -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    path_of(state).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    print(state, flush=True)


def main(*, only_managers: bool) -> None:
    with raised(print) as rig, rig.namespace("plugin-states") as namespace:
        story = Story(rig, Deployed(rig.kube, namespace))
        _write(MANAGERS, dict(story.managers()))
        if not only_managers:
            story.tell()


if __name__ == "__main__":
    main(only_managers=sys.argv[1:] == [MANAGERS])
