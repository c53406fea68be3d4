"""Clients that keep their connections: a switch moves them, a replaced pod loses none of their requests."""

import json
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from demo.traffic import Declared, Log, Request, Traffic
from pintle.domain.resources import PODS
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed
from tests.support.load import assert_faultless, pooled
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until

CLIENTS, RATE, REPLICAS = 8, 10.0, 2
# So many answers of each client tell where it is.
ANSWERS = 10


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    """Version 2 serves and version 1 stands by."""
    return Deployed(rig.kube, namespace).serve(LINEAR, BOOSTED, replicas=REPLICAS)


@pytest.fixture
def traffic(iris: Deployed) -> Iterator[Traffic]:
    iris.ready(_declared(iris))
    with pooled(iris, clients=CLIENTS, rate=RATE) as sent:
        yield sent


def test_a_switch_moves_every_client(rig: Rig, iris: Deployed, traffic: Traffic, figure: Figure) -> None:
    """There and back: pods that stood by keep connections again as soon as they serve."""
    declared = Declared(0, {_declared(iris)})
    for _ in range(3):
        old, new = _versions(iris)
        _assert_connections_are_kept(traffic, old)
        _await_role(rig, iris, new, 0, standby=True)
        edited = time.time()
        declared.allow(edited, {old, new})
        iris.edit(version=int(new))
        iris.ready(new, within=30)
        _await_answers(traffic, new)
        seen = _await_role(rig, iris, old, edited, standby=True)
        late = _by_client(r for r in traffic.requests() if r.version == old and r.began > seen)
        assert all(len(requests) <= 1 for requests in late.values()), late
        last = max(r.done for r in traffic.requests() if r.version == old)
        figure(
            f"{old} to {new}: the last of {REPLICAS} pods saw its role {(seen - edited) * 1e3:.0f} ms after "
            f"the edit; {sum(map(len, late.values()))} of {CLIENTS} clients asked it once more; the last "
            f"answer of version {old} {(last - edited) * 1e3:.0f} ms after the edit"
        )
        _await_role(rig, iris, new, edited, standby=False)
        _assert_connections_are_kept(traffic, new)
        declared.allow(time.time(), {new})
    figure(assert_faultless(traffic.stop(), declared))


@pytest.mark.slow
def test_pods_replaced_while_there_is_no_operator(
    rig: Rig, iris: Deployed, traffic: Traffic, figure: Figure
) -> None:
    """Replacements know no role; they keep connections, and give them up at the next switch."""
    old, new = _versions(iris)
    _assert_connections_are_kept(traffic, old)
    with install.no_operator(rig.kube):
        before = iris.serving_pods()
        for pod in iris.pods(old):
            rig.kube.delete(PODS, iris.namespace, pod["metadata"]["name"])
            gone = pod["metadata"]["uid"]
            until(
                lambda gone=gone: gone not in iris.uids() and len(iris.serving_pods()) == REPLICAS,  # type: ignore[misc]
                within=90,
                what="another pod serves in its place",
                now=iris.serving_pods,
            )
        assert not before.keys() & iris.serving_pods().keys()
        _assert_connections_are_kept(traffic, old)
    iris.ready(old, within=60)
    _assert_connections_are_kept(traffic, old)
    declared = Declared(0, {old})
    edited = time.time()
    declared.allow(edited, {old, new})
    iris.edit(version=int(new))
    iris.ready(new, within=30)
    _await_answers(traffic, new)
    _await_role(rig, iris, new, edited, standby=False)
    _assert_connections_are_kept(traffic, new)
    figure(f"{REPLICAS} pods replaced without an operator: {assert_faultless(traffic.stop(), declared)}")


def _declared(iris: Deployed) -> str:
    return str(iris.body()["spec"]["version"])


def _versions(iris: Deployed) -> tuple[str, str]:
    old = _declared(iris)
    return old, BOOSTED if old == LINEAR else LINEAR


def _by_client(requests: Iterator[Request]) -> dict[str, list[Request]]:
    found: dict[str, list[Request]] = {}
    for request in requests:
        found.setdefault(request.target, []).append(request)
    return found


def _await_answers(traffic: Traffic, version: str, *, since: float = 0) -> None:
    """Wait until the last answers of every client are this version's, all asked for after a moment."""

    def moved(log: Log) -> bool:
        clients = _by_client(iter(log.requests))
        lasts = [requests[-ANSWERS:] for requests in clients.values()]
        enough = len(clients) == CLIENTS and all(len(last) == ANSWERS for last in lasts)
        return enough and all(r.version == version and r.began > since for last in lasts for r in last)

    traffic.wait(moved, 30, f"client that is on version {version} to stay")


def _assert_connections_are_kept(traffic: Traffic, version: str) -> None:
    """See that many requests of every client need no new connection."""
    # A client that was told to close its connection a moment ago opens another with its next request.
    _await_answers(traffic, version, since=time.time())
    began = time.time()

    def asked(log: Log) -> bool:
        since = _by_client(r for r in log.requests if r.began > began)
        return len(since) == CLIENTS and all(len(requests) >= ANSWERS for requests in since.values())

    traffic.wait(asked, 30, f"{ANSWERS} requests of every client")
    opened = [c for c in traffic.connections() if c[1] > began]
    assert not opened, f"clients of version {version} opened {len(opened)} connections: {opened[:5]}"


def _await_role(rig: Rig, iris: Deployed, version: str, since: float, *, standby: bool) -> float:
    """Wait until all pods of a version know whether they stand by; when the last of them came to know it.

    Until the kubelet has told a pod that it serves now, it gives up each connection as one that stands by.
    """
    pods = [pod["metadata"]["name"] for pod in iris.pods(version)]
    return max(_role_seen(rig, iris, pod, since, standby=standby) for pod in pods)


def _role_seen(rig: Rig, iris: Deployed, pod: str, since: float, *, standby: bool) -> float:
    """When a pod first knew after a moment whether it stands by, as it logs it; seconds since 1970."""

    def logged() -> float | None:
        printed = rig.kube.kubectl("-n", iris.namespace, "logs", pod, "--container=serve")
        entries = [json.loads(line) for line in printed.splitlines() if '"role changed"' in line]
        times = [datetime.fromisoformat(e["time"]).timestamp() for e in entries if e["standby"] is standby]
        return next((at for at in times if at > since), None)

    return until(logged, within=30, what=f"pod {pod} has seen that standby={standby}")
