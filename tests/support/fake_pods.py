"""How pods go: what the scheduler, the kubelet and the runtime's containers report, as pod status.

A pod takes one stage at each step, until the stage that its `Fate` says.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

from pintle import naming
from pintle.domain.resources import CONFIG_MAPS, PODS
from tests.support.fake_api_server import Body, FakeApiServer

DIGEST = "sha256:" + "a" * 64
ENVIRONMENT = "sha256:" + "e" * 64
STEPS = ("fetch", "install", "serve")


class Stage(IntEnum):
    """How far a pod has come."""

    CREATED = 0
    SCHEDULED = 1
    FETCHED = 2
    INSTALLED = 3
    SERVING = 4  # `serve` runs: it loads the model and proves itself
    READY = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """A container that exits. `reason` and `message` are what the runtime leaves behind, if it can."""

    step: str
    code: int
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a pod: how far it gets, and what it says on the way."""

    until: Stage = Stage.READY
    failure: Failure | None = None
    unschedulable: str = ""
    image_problem: str = ""  # such as ErrImagePull
    content_digest: str = DIGEST
    environment_digest: str = ENVIRONMENT
    example: bool = True

    @property
    def goal(self) -> Stage:
        """The last stage that the pod reaches."""
        goal = Stage.CREATED if self.unschedulable else Stage.SCHEDULED if self.image_problem else self.until
        if self.failure:
            step = self.failure.step
            goal = min(goal, Stage(Stage.SCHEDULED + STEPS.index(step) + (step == "serve")))
        return goal


class FakeKubelet:
    """Moves pods on. `own` fates by pod, `fates` by revision; `fate` for all others."""

    def __init__(self, api: FakeApiServer) -> None:
        self._api = api
        self.fate = Fate()
        self.holds = False  # pods do not end, as on a node that is gone
        self.fates: dict[str, Fate] = {}
        self.own: dict[str, Fate] = {}
        self._stages: dict[str, Stage] = {}

    def step(self) -> None:
        """Move each pod on by one stage; pods marked for deletion go."""
        for pod in self._api.objects(PODS):
            metadata = pod["metadata"]
            if metadata.get("deletionTimestamp") and not self.holds:
                self._api.remove(PODS, metadata["namespace"], metadata["name"])
                self._stages.pop(metadata["uid"], None)
            else:
                self._advance(pod)

    def crash(self, namespace: str, name: str, failure: Failure) -> None:
        """End a container of a pod now; the kubelet starts it again with the next steps."""
        pod = self._api.get(PODS, namespace, name)
        self._stages[pod["metadata"]["uid"]] = min(Stage.SERVING, self._stage(pod))
        self._report(pod, Report(self._now(), self._stage(pod), self._fate(pod), failure))

    def unready(self, namespace: str, name: str) -> None:
        """Fail a pod's readiness probe; it comes back with the next steps if that is its fate."""
        pod = self._api.get(PODS, namespace, name)
        self._stages[pod["metadata"]["uid"]] = Stage.INSTALLED
        self._report(pod, Report(self._now(), Stage.SERVING, self._fate(pod), None))

    def _now(self) -> str:
        return naming.timestamp(self._api.clock.now())

    def _fate(self, pod: Body) -> Fate:
        if own := self.own.get(pod["metadata"]["name"]):
            return own
        labels = pod["metadata"].get("labels") or {}
        return self.fates.get(labels.get(naming.LABEL_REVISION, ""), self.fate)

    def _stage(self, pod: Body) -> Stage:
        return self._stages.get(pod["metadata"]["uid"], Stage.CREATED)

    def _advance(self, pod: Body) -> None:
        fate = self._fate(pod)
        goal, failure = fate.goal, fate.failure
        if not self._mountable(pod):
            goal = min(goal, Stage.SCHEDULED)
        stage = self._stage(pod)
        if stage < goal:
            stage = Stage(stage + 1)
        self._stages[pod["metadata"]["uid"]] = stage
        self._report(pod, Report(self._now(), stage, fate, failure if stage >= fate.goal else None))

    def _mountable(self, pod: Body) -> bool:
        """Whether the ConfigMaps that a pod cannot do without are there."""
        wanted = [v["configMap"] for v in pod["spec"].get("volumes") or () if "configMap" in v]
        namespace = pod["metadata"]["namespace"]
        return all(self._api.find(CONFIG_MAPS, namespace, w["name"]) for w in wanted if not w.get("optional"))

    def _report(self, pod: Body, report: "Report") -> None:
        before = pod.get("status") or {}
        status = report.status(before)
        if status != before:
            namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
            if report.stage > Stage.CREATED and not pod["spec"].get("nodeName"):
                self._api.patch(PODS, namespace, name, {"spec": {"nodeName": "node-1"}})
            self._api.set_status(PODS, namespace, name, status)


@dataclass(frozen=True, slots=True)
class Report:
    """What the kubelet says of a pod at a stage; with `failure`, that a container has exited."""

    now: str
    stage: Stage
    fate: Fate
    failure: Failure | None

    def status(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The pod's status now; a condition's time moves only with the condition."""
        old = {
            s["name"]: s
            for s in before.get("initContainerStatuses", []) + before.get("containerStatuses", [])
        }
        statuses = [self._container(name, old.get(name)) for name in STEPS]
        return {
            "phase": "Running" if self.stage >= Stage.SERVING else "Pending",
            "conditions": self._conditions(before.get("conditions", [])),
            "initContainerStatuses": statuses[:2],
            "containerStatuses": statuses[2:],
            **({"hostIP": "10.0.0.1", "podIP": "10.1.0.1"} if self.stage >= Stage.SCHEDULED else {}),
        }

    def _conditions(self, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ready = self.stage >= Stage.READY and not self.failure
        truths = {
            "PodScheduled": self.stage >= Stage.SCHEDULED,
            "Initialized": self.stage >= Stage.INSTALLED,
            "ContainersReady": ready,
            "Ready": ready,
        }
        known = {c["type"]: c for c in before}
        conditions = []
        for name, truth in truths.items():
            status = "True" if truth else "False"
            old = known.get(name)
            moved = old is None or old["status"] != status
            condition = {"type": name, "status": status}
            condition["lastTransitionTime"] = self.now if moved or old is None else old["lastTransitionTime"]
            if name == "PodScheduled" and self.fate.unschedulable:
                condition |= {"reason": "Unschedulable", "message": self.fate.unschedulable}
            conditions.append(condition)
        return conditions

    def _container(self, name: str, old: Mapping[str, Any] | None) -> dict[str, Any]:
        order = STEPS.index(name)
        status: dict[str, Any] = {"name": name, "ready": False, "started": False, "restartCount": 0}
        if old:
            status |= {"restartCount": old["restartCount"]} | (
                {"lastState": deepcopy(old["lastState"])} if old.get("lastState") else {}
            )
        if self.failure and self.failure.step == name:
            return status | self._failed(old)
        if self.stage > Stage.SCHEDULED + order and name != "serve":
            done = (
                old["state"] if old and "terminated" in old["state"] else {"terminated": self._success(name)}
            )
            return status | {"ready": True, "state": done}
        if self.stage == Stage.SCHEDULED + order + (name == "serve") or self.stage == Stage.READY:
            return status | self._running(old)
        waiting = "ErrImagePull" if name == "fetch" and self.fate.image_problem else "PodInitializing"
        return status | {"state": {"waiting": {"reason": waiting}}}

    def _running(self, old: Mapping[str, Any] | None) -> dict[str, Any]:
        if self.fate.image_problem:
            waiting = {"reason": self.fate.image_problem, "message": "cannot pull the image"}
            return {"state": {"waiting": waiting}}
        ready = self.stage == Stage.READY
        status = {"ready": ready, "started": ready, "state": {"running": {"startedAt": self.now}}}
        if old and "running" in old["state"]:
            status["state"] = old["state"]
        elif old and "terminated" in old["state"]:
            status |= {"lastState": old["state"], "restartCount": old["restartCount"] + 1}
        return status

    def _success(self, name: str) -> dict[str, Any]:
        said = {"contentDigest": self.fate.content_digest, "example": self.fate.example}
        if name == "install":
            said = {"environmentDigest": self.fate.environment_digest}
        return self._terminated(0, "Completed", said)

    def _failed(self, old: Mapping[str, Any] | None) -> dict[str, Any]:
        """First the exit, then the wait for another start, as the kubelet reports them."""
        failure = self.failure
        if failure is None:
            raise AssertionError("only called for a failure")
        if old and "waiting" in old["state"] and old["state"]["waiting"]["reason"] == "CrashLoopBackOff":
            return {"state": old["state"]}
        if old and "terminated" in old["state"] and old["state"]["terminated"]["exitCode"]:
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off restarting failed container"}
            restarts = old["restartCount"] + 1
            return {"state": {"waiting": waiting}, "lastState": old["state"], "restartCount": restarts}
        said = {"reason": failure.reason, "message": failure.message} if failure.reason else None
        return {"state": {"terminated": self._terminated(failure.code, "Error", said)}}

    def _terminated(self, code: int, reason: str, said: Mapping[str, Any] | None) -> dict[str, Any]:
        state = {"exitCode": code, "reason": reason, "startedAt": self.now, "finishedAt": self.now}
        return state | ({"message": orjson.dumps(said).decode()} if said else {})
