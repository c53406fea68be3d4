"""What a record of requests says: totals, undeclared answers, flip-backs, latencies. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from demo.traffic.log import Request


class Declared:
    """Which versions may answer, from which moment on."""

    def __init__(self, at: float, versions: Iterable[str]) -> None:
        self._times: list[float] = [at]
        self._versions: list[frozenset[str]] = [frozenset(versions)]

    def allow(self, at: float, versions: Iterable[str]) -> None:
        """From `at` on, these and no others."""
        if at < self._times[-1]:
            raise ValueError(f"{at} is before the last change, at {self._times[-1]}")
        self._times.append(at)
        self._versions.append(frozenset(versions))

    def during(self, began: float, done: float) -> frozenset[str]:
        """All that were allowed at some moment of a request."""
        first = max(0, bisect_right(self._times, began) - 1)
        last = max(0, bisect_right(self._times, done) - 1)
        return frozenset().union(*self._versions[first : last + 1])


@dataclass(frozen=True)
class Totals:
    """`wrong`: NaN and the like, and ok answers of an undeclared version. `lost`: had no answer."""

    sent: int
    ok: int
    wrong: int
    lost: int


def totals(requests: Iterable[Request], declared: Declared | None = None) -> Totals:
    """Counts of one target's requests."""
    found = list(requests)
    lost = sum(request.outcome == "lost" for request in found)
    wrong = sum(request.outcome == "wrong" for request in found)
    wrong += len(undeclared(found, declared)) if declared else 0
    return Totals(len(found), len(found) - lost - wrong, wrong, lost)


def undeclared(requests: Iterable[Request], declared: Declared) -> list[Request]:
    """The ok answers that came from a version which was at no moment of the request allowed to answer."""
    return [
        request
        for request in requests
        if request.outcome == "ok" and request.version not in declared.during(request.began, request.done)
    ]


def answers_by(
    requests: Iterable[Request],
    *,
    version: str | None = None,
    revision: str | None = None,
    since: float = float("-inf"),
    until: float = float("inf"),
) -> list[Request]:
    """With an answer (right or wrong) from a version or revision, begun in [since, until), by `done`."""
    found = [
        request
        for request in requests
        if request.outcome != "lost"
        and since <= request.began < until
        and version in (None, request.version)
        and revision in (None, request.revision)
    ]
    return sorted(found, key=lambda request: request.done)


def flip_backs(
    requests: Iterable[Request], changes: Sequence[tuple[float, str]], *, settle: float = 1.0
) -> list[Request]:
    """Answers from another version than the changed-to one although that had already taken over.

    `changes` are (time of the edit, version), in order. Between an edit and the next, a request that began
    more than `settle` seconds after the first answer of the edit's version, and was answered by another one,
    is a flip-back. `settle` is the time that endpoints take to reach kube-proxy; a version that never answers
    (it was refused) has no flip-backs.
    """
    if settle < 0:
        raise ValueError("settle is less than no time")
    answered = [request for request in requests if request.outcome != "lost"]
    found: list[Request] = []
    for (start, version), (end, _) in pairwise([*changes, (float("inf"), "")]):
        inside = [request for request in answered if start <= request.began < end]
        firsts = [request.done for request in inside if request.version == version]
        if firsts:
            settled = min(firsts) + settle
            found += [request for request in inside if request.version != version and request.began > settled]
    return found


def latencies(requests: Iterable[Request], *quantiles: float) -> list[float]:
    """Seconds from `began` to `done` at these quantiles (0 to 1) of the answered requests; NaN of none."""
    taken = sorted(request.done - request.began for request in requests if request.outcome != "lost")
    if not taken:
        return [float("nan")] * len(quantiles)
    return [taken[min(len(taken) - 1, round(quantile * (len(taken) - 1)))] for quantile in quantiles]
