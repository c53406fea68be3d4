"""Plays the scheduler, the node and the runtime to a real API server that has no node.

Pods are made by the real ReplicaSet controller; this binds them to a Node that is an object and nothing
more, and reports of them what `fake_pods` has a kubelet and the runtime's containers report, each as its
`Fate` says.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count

from pintle import naming
from pintle.domain import Resource
from pintle.domain.resources import LEASES, PODS
from tests.support.fake_pods import Fate, Report, Stage
from tests.support.kube import Kube, path
from tests.support.rest import Json
from tests.support.watching import Watch

NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
LEASE_NAMESPACE = "kube-node-lease"
NODE = "played"
# The node controller takes a node for dead that has not renewed its lease for 40 s.
HEARTBEAT_SECONDS = 10
# A pod is reported at these stages, as far as it comes; between them the operator would learn nothing.
SHOWN = (Stage.SCHEDULED, Stage.SERVING, Stage.READY)


class PodPlayer:
    """`fates` by version; of a version without one, all goes well."""

    def __init__(self, kube: Kube, pods: Watch) -> None:
        self._kube = kube
        self._pods = pods
        self._shown: dict[str, Stage] = {}
        self._failed: dict[str, int] = {}
        self._addresses = count(1)
        self._stop = threading.Event()
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._play, name="pod player", daemon=True)
        self.fates: dict[str, Fate] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End; raises what went wrong meanwhile."""
        self._stop.set()
        self._thread.join(timeout=10)
        self.check()

    def check(self) -> None:
        """Raise what it has ended by, if it has."""
        if self._trouble:
            raise AssertionError("the pods were not played to the end") from self._trouble

    def _play(self) -> None:
        beat = 0.0
        latest: dict[str, Json] = {}
        try:
            while not self._stop.wait(0.01):
                if time.monotonic() > beat:
                    beat_node(self._kube)
                    beat = time.monotonic() + HEARTBEAT_SECONDS
                for change in self._pods.take():
                    uid = change.object["metadata"]["uid"]
                    if change.type == "DELETED":
                        latest.pop(uid, None)
                    else:
                        latest[uid] = change.object
                for uid in list(latest):
                    if self._move(latest[uid]):
                        del latest[uid]  # until its watch tells of it again
        except BaseException as error:  # noqa: BLE001 - handed to `check`
            if not self._stop.is_set():
                self._trouble = error

    def _move(self, pod: Json) -> bool:
        """Take a pod a stage further, or away. True when nothing is left to do with what is known of it."""
        metadata = pod["metadata"]
        at = path(PODS, metadata["namespace"], metadata["name"])
        if metadata.get("deletionTimestamp"):
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
            self._ask("DELETE", at, options)
            return True
        fate = self.fates.get((metadata.get("labels") or {}).get(naming.LABEL_VERSION, ""), Fate())
        shown = self._shown.get(metadata["uid"], Stage.CREATED)
        stage = next((s for s in SHOWN if shown < s <= fate.goal), None)
        if stage is not None:
            if shown is Stage.CREATED:
                target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
                binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}}
                self._ask("POST", f"{at}/binding", binding | {"target": target})
            self._shown[metadata["uid"]] = stage
            self._report(pod, stage, fate, failed=stage == fate.goal)
            return True
        reports = self._failed.get(metadata["uid"], 0)
        if fate.failure and shown >= fate.goal and reports < 2:
            self._report(pod, fate.goal, fate, failed=True)
            self._failed[metadata["uid"]] = reports + 1
        return True

    def _report(self, pod: Json, stage: Stage, fate: Fate, *, failed: bool) -> None:
        failure = fate.failure if failed else None
        before = pod.get("status") or {}
        status = Report(naming.timestamp(datetime.now(UTC)), stage, fate, failure).status(before)
        if "podIP" in status:
            number = next(self._addresses)
            address = (
                before.get("podIP") or f"10.{200 + number // 65025}.{number // 255 % 255}.{number % 255 + 1}"
            )
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
            status |= {"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.1"}]}
        metadata = pod["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "status": status}
        self._ask("PATCH", f"{path(PODS, metadata['namespace'], metadata['name'])}/status", body)

    def _ask(self, method: str, at: str, body: Json) -> None:
        """A request that may come too late: the pod may be gone, or on its way out."""
        content = "application/merge-patch+json" if method == "PATCH" else "application/json"
        code, answer = self._kube.rest.request(method, at, body, headers={"Content-Type": content})
        message = str(answer.get("message"))
        late = code in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        # A pod that was just made is bound in a namespace that is being deleted.
        late = late or (code == HTTPStatus.FORBIDDEN and "being terminated" in message)
        assert code < HTTPStatus.BAD_REQUEST or late, f"{method} {at}: {code} {message}"


def make_node(kube: Kube) -> None:
    """Make the Node, and its Lease, if they are not there."""
    if kube.find(NODES, "", NODE) is None:
        kube.create(NODES, "", {"metadata": {"name": NODE}})
    ready = {"type": "Ready", "status": "True", "reason": "Played", "message": "for tests"}
    kube.rest.merge(f"{path(NODES, '', NODE)}/status", {"status": {"conditions": [ready]}})
    beat_node(kube)


def beat_node(kube: Kube) -> None:
    """Renew the node's lease, as a kubelet does."""
    renewed = naming.micro_timestamp(datetime.now(UTC))
    spec = {"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": renewed}
    if kube.find(LEASES, LEASE_NAMESPACE, NODE) is None:
        kube.create(LEASES, LEASE_NAMESPACE, {"metadata": {"name": NODE}, "spec": spec})
    else:
        kube.merge(LEASES, LEASE_NAMESPACE, NODE, {"spec": spec})


@contextmanager
def playing(kube: Kube, pods: Watch) -> Iterator[PodPlayer]:
    """Play the pods of a watch for as long as the block lasts."""
    make_node(kube)
    player = PodPlayer(kube, pods)
    player.start()
    try:
        yield player
    finally:
        player.stop()
