"""What became of requests through a gateway while versions had shares of them, by the route's own changes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from demo.traffic import Request, Target
from pintle.domain.resources import SERVICES
from pintle.naming import ANNOTATION_CANARY, ANNOTATION_PROMOTE, ANNOTATION_REJECT, ANNOTATION_SINCE
from pintle.views import annotation, json_annotation
from tests.support.deployed import Deployed, condition
from tests.support.waiting import until
from tests.support.watching import Watch

# What the gateway does with a route that it has accepted, and what is under way, is over within this.
MARGIN = 1.0
Step = dict[str, Any]


@dataclass(frozen=True)
class Entrance:
    """A ModelDeployment behind a gateway, and how to ask it there."""

    iris: Deployed
    target: Target

    def has(self, version: str, weight: int) -> bool:
        """Whether a version has this share, the gateway has taken it so, and it waits for somebody's word."""
        body = self.iris.body()
        rollout = body["status"].get("rollout") or {}
        percents = {t["version"]: t["percent"] for t in body["status"].get("traffic") or ()}
        waits = condition(body, "Ready")["reason"] == "AwaitingPromotion"
        return bool(waits and rollout.get("weight") == weight and percents.get(version) == weight)

    def edit(self, steps: list[Step], version: str, **rollout: Any) -> None:  # noqa: ANN401 - of a spec
        """Declare a version that comes by these steps."""
        self.iris.edit(version=int(version), rollout={"strategy": "Canary", "steps": steps, **rollout})

    def hold(self, version: str, weight: int, **rollout: Any) -> None:  # noqa: ANN401 - of a spec
        """Declare a version, and wait until it is held at a share."""
        self.edit([{"weight": weight, "pause": True}], version, **rollout)
        held = f"version {version} is held at {weight} %"
        until(lambda: self.has(version, weight), within=240, what=held, now=self.iris.body)

    def settle(self, version: str) -> Deployed:
        """Have a version serve alone, whatever was before."""
        self.iris.annotate(annotations={ANNOTATION_REJECT: None, ANNOTATION_PROMOTE: None})
        self.iris.edit(version=int(version), rollout=None)
        self.iris.ready(version)
        self.alone()
        return self.iris

    def alone(self) -> None:
        """Wait until no revision has a Service of its own."""
        until(
            lambda: not self._services(), within=30, what="no other version has a share", now=self._services
        )

    def _services(self) -> list[str]:
        names = [service["metadata"]["name"] for service in self.iris.children(SERVICES)]
        return [name for name in names if name != self.iris.name]


@dataclass(frozen=True)
class Window:
    """A weight, and from when to when it was held, in seconds since 1970."""

    weight: int
    began: float
    ended: float

    def percent(self, requests: Iterable[Request], version: str) -> tuple[float, int]:
        """How many in a hundred a version answered of those of the window, and how many those were."""
        counts = Counter(r.version for r in requests if self.began <= r.began < self.ended)
        return 100 * counts[version] / max(1, counts.total()), counts.total()


def windows(watch: Watch, name: str, since: int = 0) -> list[Window]:
    """When each weight was held, after the route's first `since` changes."""
    found: list[Window] = []
    at, weight = 0.0, 0
    for change in watch.of(name)[since:]:
        mark = json_annotation(change.object, ANNOTATION_CANARY) or {}
        now = int(mark.get("weight", 0)) if annotation(change.object, ANNOTATION_SINCE) else 0
        if now != weight:
            found += [Window(weight, at + MARGIN, change.at - MARGIN)] if weight else []
            at, weight = change.at, now
    return found


def taken_back(watch: Watch, name: str) -> float:
    """When the last share was taken back."""
    marked = [bool(annotation(c.object, ANNOTATION_CANARY)) for c in watch.of(name)]
    last = len(marked) - 1 - marked[::-1].index(True)
    return watch.of(name)[last + 1].at


def last_answer(requests: Iterable[Request], version: str) -> float:
    """When a version answered last."""
    return max(r.done for r in requests if r.version == version)


def faultless(requests: list[Request], *versions: str) -> str:
    """See that each was answered by one of these versions; says how many there were."""
    bad = [r for r in requests if r.outcome != "ok" or r.version not in versions]
    assert not bad, f"{len(bad)} of {len(requests)}: {bad[:5]}"
    return f"0 of {len(requests)} requests lost"
