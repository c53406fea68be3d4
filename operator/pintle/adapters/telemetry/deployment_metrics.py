"""What /metrics says of ModelDeployments: how many are in which state, and of each what it serves.

The numbers are few. The series of each object are as many as there are objects, so that an administrator
can turn them off.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from pintle.conditions import RECONCILING, STALLED, Reason, Type
from pintle.domain import Key
from pintle.ports import Json

UNKNOWN = "Unknown"
_STATUSES = ("True", "False", "Unknown")
# Somebody chose these: neither a success nor a failure, and nothing that goes on by itself.
_CHOSEN = (Reason.SUSPENDED, Reason.AWAITING_PROMOTION, Reason.SCALED_TO_ZERO)

STATES: Mapping[str, str] = {
    Reason.SERVING.value: "Ready",
    **{reason.value: "Reconciling" for reason in sorted(RECONCILING)},
    **{reason.value: "Stalled" for reason in sorted(STALLED)},
    **{reason.value: "Waiting" for reason in _CHOSEN},
    UNKNOWN: UNKNOWN,
}
"""Every reason of `Ready`, and the state that it is one of. All are shown: none comes out of nothing."""


class _Shown(NamedTuple):
    model: str
    wanted: str
    serving: str
    reason: str
    conditions: Mapping[str, str]


class Deployments(Collector):
    """The series about ModelDeployments, made when they are read: what is gone leaves none behind."""

    def __init__(self, *, per_object: bool) -> None:
        self._per_object = per_object
        self._shown: dict[Key, _Shown] = {}

    def put(self, key: Key, status: Json | None, model: str) -> None:
        """Note what an object's status says; None: the object is gone."""
        if status is None:
            self._shown.pop(key, None)
            return
        found = {c["type"]: c for c in status.get("conditions") or ()}
        reason = str(found.get(Type.READY, {}).get("reason", UNKNOWN))
        self._shown[key] = _Shown(
            model,
            str(status.get("wanted", "")),
            str((status.get("serving") or {}).get("version", "")),
            reason if reason in STATES else UNKNOWN,
            {kind: condition["status"] for kind, condition in found.items()},
        )

    @override
    def collect(self) -> Iterator[Metric]:
        yield self._numbers()
        if self._per_object:
            yield from self._objects()

    def _numbers(self) -> Metric:
        numbers = GaugeMetricFamily(
            "pintle_deployments",
            "ModelDeployments by the state and the reason of their condition Ready",
            labels=["state", "reason"],
        )
        counted = Counter(shown.reason for shown in self._shown.values())
        for reason, state in STATES.items():
            numbers.add_metric([state, reason], counted[reason])
        return numbers

    def _objects(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "pintle_deployment_info",
            "What a ModelDeployment wants and serves",
            labels=["namespace", "name", "model", "wanted", "serving"],
        )
        condition = GaugeMetricFamily(
            "pintle_deployment_condition",
            "1 for the status that a condition has, 0 for the others",
            labels=["namespace", "name", "type", "status"],
        )
        for key, shown in self._shown.items():
            info.add_metric([*key, shown.model, shown.wanted, shown.serving], 1)
            for kind, status in shown.conditions.items():
                for each in _STATUSES:
                    condition.add_metric([*key, kind, each.lower()], float(status == each))
        yield info
        yield condition
