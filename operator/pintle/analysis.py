"""The numbers of two revisions -> whether the one that is tried does as well. Pure.

Compared are the share of requests that failed (HTTP 4xx and 5xx), and how many took longer than what the 99th
percentile of the other one allows. What chance may have done is told neither for nor against a revision:
more requests tell.
"""

from collections.abc import Iterable
from math import ceil, inf, sqrt

from pintle.api import Analysis
from pintle.domain import Comparison, Counters, Outcome, Verdict

# Standard errors that a difference has to be large: chance alone does that once in a thousand samples.
SURE = 3.0
# The share of requests that may be slower than the 99th percentile, by its definition.
ABOVE_P99 = 0.01
# A revision that answers less than this share of what the other one does takes no part in the traffic.
PART = 0.1


def growth(before: Counters, now: Counters) -> Counters:
    """What was counted between two readings of one server. One that was started anew counts from 0."""
    edges = tuple(edge for edge, _ in now.within)
    anew = (
        now.started != before.started
        or now.requests < before.requests
        or now.failed < before.failed
        or now.timed < before.timed
        or edges != tuple(edge for edge, _ in before.within)
        or any(n < b for (_, n), (_, b) in zip(now.within, before.within, strict=True))
    )
    if anew:
        return Counters(now.requests, now.failed, now.timed, now.within)
    return Counters(
        requests=now.requests - before.requests,
        failed=now.failed - before.failed,
        timed=now.timed - before.timed,
        within=tuple((edge, n - b) for (edge, n), (_, b) in zip(now.within, before.within, strict=True)),
    )


def total(parts: Iterable[Counters]) -> Counters:
    """The sum, at the edges that all of them have that have counted anything."""
    found = [part for part in parts if part.requests or part.timed]
    if not found:
        return Counters()
    edges = set.intersection(*({edge for edge, _ in part.within} for part in found))
    within = {edge: sum(dict(part.within)[edge] for part in found) for edge in edges}
    return Counters(
        requests=sum(part.requests for part in found),
        failed=sum(part.failed for part in found),
        timed=sum(part.timed for part in found),
        within=tuple(sorted(within.items())),
    )


def judge(comparison: Comparison, candidate: Counters, stable: Counters, before: Counters) -> Verdict:
    """What a sample says.

    Args:
        comparison: what is compared, and on which terms.
        candidate: what the revision that is tried has answered in the sample.
        stable: what the other one has answered in the same time.
        before: what the other one answered earlier. It is what counts where that one takes no part in the
            traffic any more, as after a switch.
    """
    terms, who, whom = comparison.subject.terms, comparison.who, comparison.whom
    revision = comparison.subject.candidate
    least = terms.min_requests
    if candidate.requests < least:
        why = f"{who} has to answer {least} requests before it can be compared with {whom}"
        return Verdict(revision, Outcome.INCONCLUSIVE, why)
    other = stable if takes_part(stable, candidate) else before
    if other.requests < least:
        why = f"{whom} has answered fewer than {least} requests: there is nothing to compare {who} with"
        return Verdict(revision, Outcome.INCONCLUSIVE, why)
    found = [_errors(comparison, candidate, other), _latency(comparison, candidate, other)]
    for outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE):
        for verdict in found:
            if verdict.outcome is outcome:
                return verdict
    return Verdict(revision, Outcome.PASSED)


def takes_part(stable: Counters, candidate: Counters) -> bool:
    """Whether a revision still answers a share of the traffic that is worth comparing with."""
    return stable.requests >= PART * candidate.requests


def _errors(comparison: Comparison, candidate: Counters, other: Counters) -> Verdict:
    terms, who, whom = comparison.subject.terms, comparison.who, comparison.whom
    mine, its = candidate.failed / candidate.requests, other.failed / other.requests
    excess = mine - its - terms.max_error_increase_percent / 100
    error = sqrt(mine * (1 - mine) / candidate.requests + its * (1 - its) / other.requests)
    why = f"{who} seems to fail more often than {whom}: more requests will tell"
    if excess > SURE * error:
        why = (
            f"{who} failed {_share(candidate.failed, candidate.requests)}, {whom} "
            f"{_share(other.failed, other.requests)}"
            f" (spec.rollout.analysis.maxErrorIncreasePercent is {terms.max_error_increase_percent})"
        )
    return Verdict(comparison.subject.candidate, _outcome(excess, error), why)


def _latency(comparison: Comparison, candidate: Counters, other: Counters) -> Verdict:
    terms, who, whom = comparison.subject.terms, comparison.who, comparison.whom
    revision = comparison.subject.candidate
    usual = p99(other)
    limit = _limit(candidate, usual, terms)
    if limit == inf or not candidate.timed:
        return Verdict(revision, Outcome.PASSED)
    slow = candidate.timed - dict(candidate.within)[limit]
    excess = slow / candidate.timed - ABOVE_P99
    # As though the limit were the 99th percentile: what it would be by chance then.
    error = sqrt(ABOVE_P99 * (1 - ABOVE_P99) / candidate.timed)
    why = f"{who} seems to be slower than {whom}: more requests will tell"
    if excess > SURE * error:
        why = (
            f"{who} took longer than {limit:g} s for {_share(slow, candidate.timed)}, {whom} answers 99 % "
            f"within {usual:g} s (spec.rollout.analysis.maxLatencyIncreasePercent is "
            f"{terms.max_latency_increase_percent})"
        )
    return Verdict(revision, _outcome(excess, error), why)


def _outcome(excess: float, error: float) -> Outcome:
    """Not worse than allowed; worse by more than chance does; or worse, and that may be chance."""
    if excess <= 0:
        return Outcome.PASSED
    return Outcome.FAILED if excess > SURE * error else Outcome.INCONCLUSIVE


def p99(counted: Counters) -> float:
    """The smallest edge that 99 % of the requests took no longer than; infinite where there is none."""
    needed = ceil((1 - ABOVE_P99) * counted.timed)
    return next((edge for edge, count in counted.within if counted.timed and count >= needed), inf)


def _limit(candidate: Counters, usual: float, terms: Analysis) -> float:
    """What a request is slow beyond: the first edge that is surely not below what is allowed.

    Requests between what is allowed and that edge cannot be told from others, and count for the candidate.
    """
    allowed = usual * (1 + terms.max_latency_increase_percent / 100)
    return next((edge for edge, _ in candidate.within if edge >= allowed * (1 - 1e-9)), inf)


def _share(some: int, of: int) -> str:
    return f"{some} of {of} requests ({100 * some / of:.1f} %)"
