"""How long the version before still answers after an edit back to a warm standby.

From the API server's answer to the edit (its audit log) to the end of the last answer of the version before,
as clients inside the cluster have it: 100 requests a second, a new connection for each, 2 pods a version.
"""

import math
from collections.abc import Callable, Sequence

from benchmarks.output import line
from demo.traffic import totals
from tests.support.rig import Rig
from tests.support.rollbacks import Pair, applying, pair

P50_SECONDS = 0.150
P95_SECONDS = 0.400


def run(rig: Rig, rounds: int) -> bool:
    """Measure and print; whether the goals are kept and no request was lost or wrong."""
    line(f"{'rollback to a warm standby':36}  n    p50    p95    max   (ms; goal p50 150, p95 400)")
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
    seconds = []
    for _ in range(rounds):
        between()
        seconds.append(two.roll_back().seconds)
        two.deployed.ready(two.serving)
    return _judge(name, seconds)


def _measure_rejections(name: str, two: Pair, rounds: int) -> bool:
    """Between two of them the rejection is taken back, which is not measured."""
    seconds = []
    for _ in range(rounds):
        seconds.append(two.reject().seconds)
        two.deployed.refused("RejectedByUser")
        two.accept_again()
        two.deployed.ready(two.serving)
    return _judge(name, seconds)


def _judge(name: str, seconds: Sequence[float]) -> bool:
    p50, p95, longest = quantile(seconds, 0.50), quantile(seconds, 0.95), max(seconds)
    line(f"{name:36} {len(seconds):2} {p50 * 1e3:6.0f} {p95 * 1e3:6.0f} {longest * 1e3:6.0f}")
    return p50 <= P50_SECONDS and p95 <= P95_SECONDS


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
