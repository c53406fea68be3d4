"""How long the version before still answers after an edit back to a warm standby.

From the API server's answer to the edit (its audit log) to the end of the last answer of the version before,
as clients inside the cluster have it: 100 requests a second, a new connection for each, 2 pods a version.
"""

import math
from collections.abc import Callable, Sequence

from benchmarks.output import line
from demo.traffic import totals
from tests.support import rig as rigs
from tests.support.rollbacks import Pair, Rollback, applying, pair

P50_SECONDS = 0.150
P95_SECONDS = 0.400
OPERATOR_P50_SECONDS = 0.030


def run(rounds: int) -> bool:
    """Measure and print; whether the goals are kept and no request was lost or wrong."""
    with rigs.raised(lambda text: line(f"{text} ...")) as rig:
        return _all(rig, rounds)


def _all(rig: rigs.Rig, rounds: int) -> bool:
    line("ms; the goals are p50 150, p95 400; of it, from the edit to the switch of the Service: p50 30")
    line(f"{'rollback to a warm standby':36}  n    p50    p95    max   of it: p50    p95")
    with rig.namespace("bench") as namespace, pair(rig, namespace) as two:
        kept = [
            _measure("nothing else changed", two, rounds, lambda: None),
            _measure("the runtime's image changed", two, rounds, two.change_image),
            _measure("resources changed", two, rounds, two.change_resources),
        ]
        with rig.mlflow.hanging():
            kept.append(_measure("the registry accepts, never answers", two, rounds, lambda: None))
        with applying(two.deployed, seconds=5):
            kept.append(_measure_rejections("rejected, old spec applied every 5 s", two, rounds))
        counts = totals(two.traffic.requests())
    line(f"{counts.sent} requests, {counts.lost} lost, {counts.wrong} wrong")
    return all(kept) and not counts.lost and not counts.wrong


def _measure(name: str, two: Pair, rounds: int, between: Callable[[], None]) -> bool:
    rollbacks = []
    for _ in range(rounds):
        between()
        rollbacks.append(two.roll_back())
        two.deployed.ready(two.serving)
    return _judge(name, rollbacks)


def _measure_rejections(name: str, two: Pair, rounds: int) -> bool:
    """Between two of them the rejection is taken back, which is not measured."""
    rollbacks = []
    for _ in range(rounds):
        rollbacks.append(two.reject())
        two.deployed.refused("RejectedByUser")
        two.accept_again()
        two.deployed.ready(two.serving)
    return _judge(name, rollbacks)


def _judge(name: str, rollbacks: Sequence[Rollback]) -> bool:
    seconds, own = [r.seconds for r in rollbacks], [r.operator for r in rollbacks]
    p50, p95, longest = quantile(seconds, 0.50), quantile(seconds, 0.95), max(seconds)
    own_p50, own_p95 = quantile(own, 0.50), quantile(own, 0.95)
    shown = (p50, p95, longest, own_p50, own_p95)
    line(
        f"{name:36} {len(seconds):2} {{:6.0f}} {{:6.0f}} {{:6.0f}} {{:12.0f}} {{:6.0f}}".format(
            *(value * 1e3 for value in shown)
        )
    )
    return p50 <= P50_SECONDS and p95 <= P95_SECONDS and own_p50 <= OPERATOR_P50_SECONDS


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
