"""Rollbacks to a warm standby under load, and how long the version before still answers.

Measured from the API server's answer to the edit (its audit log) to the end of the last answer that the
version before gave, as clients inside the cluster have it.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from demo.traffic import Log, Request, Traffic, answers_by
from pintle.domain.resources import MODEL_DEPLOYMENTS, MODEL_RUNTIMES
from pintle.naming import ANNOTATION_REJECT
from tests.support.deployed import Deployed
from tests.support.load import load
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until

REPLICAS = 2
RATE = 100.0
# Two names of one image, of which the node has the bytes: to the operator, and in the pods, they differ.
IMAGES = ("docker.io/pintle/runtime:0.1.0", "pintle/runtime:0.1.0")
# After this long without an answer from the version before, there is none to come.
SETTLED_SECONDS = 1.0


@dataclass(frozen=True)
class Rollback:
    """When the version before was last asked, and when its last answer was there, in seconds.

    Both from the API server's answer to the edit on; the second is the figure, the first tells how much of
    it is a slow answer. They need not be of one request. `edited` is when that was, in seconds since 1970.
    `operator` is the operator's own share: from the API server's answer to the edit to its answer to the
    switch of the Service.
    """

    asked: float
    seconds: float
    edited: float
    operator: float


@dataclass
class Pair:
    """A deployment that serves one of two versions, with the other as a warm standby, under load."""

    rig: Rig
    deployed: Deployed
    traffic: Traffic
    serving: str
    other: str
    shapes: int = 0

    def settled(self) -> set[str]:
        """UIDs of the pods, once what is declared serves and none is left but these and the standby's."""
        self.deployed.ready(self.serving)

        def done() -> set[str] | None:
            uids = self.deployed.uids()
            return uids if len(uids) == 2 * REPLICAS else None

        return until(done, within=90, what=f"{self.deployed} has {2 * REPLICAS} pods", now=self.deployed.uids)

    def roll_back(self) -> Rollback:
        """Edit to the standby, and wait until what served answers no more."""
        return self._change(lambda: self.deployed.edit(version=int(self.other)))

    def reject(self) -> Rollback:
        """Reject what serves, which leaves the spec alone, and wait until it answers no more."""
        return self._change(lambda: self._annotate(f"version/{self.serving}"))

    def accept_again(self) -> Rollback:
        """Take the rejection back: what is declared serves again."""
        return self._change(lambda: self._annotate(None))

    def _annotate(self, value: str | None) -> object:
        return self.deployed.annotate(annotations={ANNOTATION_REJECT: value})

    def _change(self, edit_to_other: Callable[[], object]) -> Rollback:
        mark = self.rig.audit.mark()
        edit_to_other()
        target = self.deployed
        edit = self.rig.audit.accepted(mark, target.namespace, "modeldeployments", target.name)
        before, self.serving, self.other = self.serving, self.other, self.serving
        until(
            lambda: target.body()["status"]["serving"]["version"] == self.serving,
            within=30,
            what=f"version {self.serving} serves",
        )

        def settled(log: Log) -> bool:
            last = self._answers_of(before, edit.answered)[-1]
            return log.requests[-1].began > last.done + SETTLED_SECONDS

        self.traffic.wait(settled, 30, "settled answers")
        answers = self._answers_of(before, edit.answered)
        asked, done = max(r.began for r in answers), answers[-1].done
        switch = self.rig.audit.reaction(mark, target.namespace, "services", target.name)
        own = switch.answered - edit.answered
        return Rollback(asked - edit.answered, done - edit.answered, edit.answered, own)

    def _answers_of(self, version: str, edited: float) -> list[Request]:
        """The answers of a version around an edit and after it, by when they ended."""
        return answers_by(self.traffic.requests(), version=version, since=edited - 10)

    def change_resources(self) -> None:
        """Roll out another shape of what serves; the standby keeps the one that it has."""
        self.shapes += 1
        requests = {"cpu": f"{100 + self.shapes % 2}m", "memory": "512Mi"}
        self.deployed.edit(resources={"requests": requests, "limits": {"memory": "2Gi"}})
        self.deployed.ready(self.serving)

    def change_image(self) -> None:
        """Give the runtime another image, as an administrator does who upgrades it."""
        runtime = self.rig.kube.get(MODEL_RUNTIMES, "", _runtime(self.deployed))
        image = next(i for i in IMAGES if i != runtime["spec"]["image"])
        self.rig.kube.merge(MODEL_RUNTIMES, "", _runtime(self.deployed), {"spec": {"image": image}})


class Applying:
    """Applies a ModelDeployment's spec again and again, as a GitOps agent does that owns it."""

    def __init__(self, deployed: Deployed, *, seconds: float) -> None:
        self.times = 0
        self._deployed, self._seconds = deployed, seconds
        spec = deployed.body()["spec"]
        metadata = {"name": deployed.name, "namespace": deployed.namespace}
        head = {"apiVersion": MODEL_DEPLOYMENTS.api_version, "kind": MODEL_DEPLOYMENTS.kind}
        self._manifest = json.dumps({**head, "metadata": metadata, "spec": spec})
        self._ending = threading.Event()
        self._trouble: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Apply it once, and then every so many seconds."""
        self._apply()
        self._thread.start()

    def stop(self) -> None:
        """Apply it no more."""
        self._ending.set()
        self._thread.join(timeout=60)
        if self._trouble is not None:
            raise AssertionError("the manifest could not be applied") from self._trouble

    def again(self) -> None:
        """Wait until it has been applied once more."""
        so_far = self.times
        until(
            lambda: self.times > so_far or self._trouble,
            within=6 * self._seconds,
            what="the manifest is applied again",
        )

    def _run(self) -> None:
        while not self._ending.wait(self._seconds):
            try:
                self._apply()
            except Exception as error:  # noqa: BLE001 - handed to whoever stops this
                self._trouble = error
                return

    def _apply(self) -> None:
        apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller")
        self._deployed.kube.kubectl(*apply, "--filename=-", stdin=self._manifest)
        self.times += 1


@contextmanager
def applying(deployed: Deployed, *, seconds: float = 5) -> Iterator[Applying]:
    """Have the spec that it has now applied every so many seconds, for as long as the block lasts."""
    agent = Applying(deployed, seconds=seconds)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()


@contextmanager
def pair(rig: Rig, namespace: str) -> Iterator[Pair]:
    """Version 2 serves and version 1 stands by, on a runtime of their own."""
    deployed = Deployed(rig.kube, namespace)
    runtime = _runtime(deployed)
    rig.kube.create(MODEL_RUNTIMES, "", {"metadata": {"name": runtime}, "spec": {"image": IMAGES[0]}})
    try:
        deployed.serve(LINEAR, BOOSTED, replicas=REPLICAS, runtime={"name": runtime})
        with load(deployed, rate=RATE) as traffic:
            yield Pair(rig, deployed, traffic, serving=BOOSTED, other=LINEAR)
    finally:
        rig.kube.delete(MODEL_RUNTIMES, "", runtime)


def _runtime(deployed: Deployed) -> str:
    return f"runtime-{deployed.namespace}"
