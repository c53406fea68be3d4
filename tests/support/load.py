"""Predictions all the time from inside the cluster, through a ModelDeployment's Service."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from demo.traffic import Declared, Request, Target, Traffic, totals, undeclared
from tests.support.deployed import Deployed
from tests.support.predicting import BODY

# From Ready on, the version of before may answer for so long: the operator has seen the endpoints then, and
# kube-proxy hears of them by itself. What `make bench` measures from a flip to the last answer of before is
# 0.2 s at most, on a quiet machine.
FOLLOW_SECONDS = 1.0


@contextmanager
def load(deployed: Deployed, *, rate: float, port: int = 80) -> Iterator[Traffic]:
    """Send predictions at a rate, on a new connection each, from the first answer on."""
    host = f"{deployed.name}.{deployed.namespace}.svc"
    target = Target(deployed.name, host, port=port, body=BODY, rate=rate, timeout_seconds=30)
    command = deployed.kube.cluster.kubectl()
    name = f"load-{deployed.name}"
    with Traffic(command, namespace=deployed.namespace, targets=[target], name=name) as traffic:
        traffic.wait_live(deployed.name, timeout=60)
        yield traffic


@contextmanager
def pooled(deployed: Deployed, *, clients: int, rate: float) -> Iterator[Traffic]:
    """Send predictions by clients of which each keeps its one connection, from the first answer of all on.

    Each is a target of its own, and sends at `rate` as long as answers keep up.
    """
    host = f"{deployed.name}.{deployed.namespace}.svc"
    targets = [
        Target(f"client-{number}", host, body=BODY, rate=rate, at_once=1, keep_alive=True, timeout_seconds=30)
        for number in range(clients)
    ]
    command = deployed.kube.cluster.kubectl()
    name = f"pooled-{deployed.name}"
    with Traffic(command, namespace=deployed.namespace, targets=targets, name=name) as traffic:
        for target in targets:
            traffic.wait_live(target.name, timeout=60)
        yield traffic


def assert_faultless(requests: Iterable[Request], declared: Declared) -> str:
    """See that none was lost, nor answered by an undeclared version or with NaN; says how many there were."""
    found = list(requests)
    counts = totals(found, declared)
    bad = [r for r in found if r.outcome != "ok"] + undeclared(found, declared)
    assert not bad, f"{counts}; the first of {len(bad)}: {bad[:5]}"
    return f"0 of {counts.sent} requests lost, 0 wrong"
