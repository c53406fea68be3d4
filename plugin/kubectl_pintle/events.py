"""Events -> lines, newest last."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kubectl_pintle.names import Json, parse_time

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Event:
    """One Event and how often it was told."""

    time: datetime | None
    type: str
    reason: str
    about: str
    message: str
    count: int


def parse(bodies: Iterable[Json], *, about: str, pods: Iterable[str]) -> tuple[Event, ...]:
    """The newest Events about a ModelDeployment, by its uid, and about these pods, in the order of time."""
    names = frozenset(pods)
    found = [_event(b) for b in bodies if _concerns(b.get("involvedObject") or {}, about, names)]
    return tuple(sorted(found, key=lambda e: e.time.timestamp() if e.time else 0.0))[-SHOWN:]


def _concerns(about: Json, uid: str, pods: frozenset[str]) -> bool:
    """Whether it is meant, and not a former one of the same name; not all who tell of it say which."""
    if about.get("kind") == "Pod":
        return about.get("name") in pods
    return about.get("uid") in {uid, "", None}


def _event(body: Json) -> Event:
    series = body.get("series") or {}
    times = (series.get("lastObservedTime"), body.get("lastTimestamp"), body.get("eventTime"))
    about = body.get("involvedObject") or {}
    return Event(
        time=next((t for t in map(parse_time, times) if t), None),
        type=body.get("type", ""),
        reason=body.get("reason", ""),
        about=f"{about.get('kind', '')}/{about.get('name', '')}",
        message=" ".join(str(body.get("message", "")).split()),
        count=int(series.get("count") or body.get("count") or 1),
    )
