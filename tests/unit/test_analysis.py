"""What the numbers of two revisions come to, as a table; and what holds of any numbers."""

from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pintle.analysis import growth, judge, p99, total
from pintle.api import Analysis
from pintle.domain import Comparison, Counters, Outcome, Subject, Verdict

EDGES = (0.005, 0.01, 0.025, 0.05, 0.1)
TERMS = Analysis(min_requests=100, max_error_increase_percent=2, max_latency_increase_percent=100)
NOTHING = Counters()
PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def compare(terms: Analysis = TERMS) -> Comparison:
    return Comparison(Subject("iris-v2-b", "iris-v1-a", "10 %", terms), (), (), "iris version 2", "version 1")


def counted(requests: int, failed: int = 0, *, slow: int = 0, seconds: float = 0.008) -> Counters:
    """So many requests, of which some failed, and some took 80 ms instead of `seconds`."""
    fast = requests - slow
    within = tuple((edge, fast * (seconds <= edge) + slow * (edge >= 0.08)) for edge in EDGES)
    return Counters(requests, failed, requests, within)


def verdict(
    candidate: Counters, stable: Counters, before: Counters | None = None, terms: Analysis = TERMS
) -> Verdict:
    return judge(compare(terms), candidate, stable, before or Counters())


@dataclass(frozen=True)
class Row:
    case: str
    candidate: Counters
    stable: Counters
    outcome: Outcome
    words: str = ""
    before: Counters = NOTHING
    terms: Analysis = TERMS


LONG_AGO = counted(5000)
ROWS = [
    Row("as good", counted(100), counted(900), PASSED),
    Row("nothing yet", Counters(), Counters(), INCONCLUSIVE, "has to answer 100 requests"),
    Row("one too few", counted(99, 99), counted(900), INCONCLUSIVE, "has to answer 100 requests"),
    Row(
        "the other has too few",
        counted(100),
        counted(99),
        INCONCLUSIVE,
        "version 1 has answered fewer than 100",
    ),
    Row(
        "the other has too few now and many before: it takes part, so it is waited for",
        counted(100),
        counted(99),
        INCONCLUSIVE,
        before=LONG_AGO,
    ),
    Row("the other takes no part any more", counted(1000), counted(99), PASSED, before=LONG_AGO),
    Row("nor ever did", counted(1000), Counters(), INCONCLUSIVE, "nothing to compare", before=counted(99)),
    Row(
        "20 % fail", counted(100, 20), counted(900), FAILED, "failed 20 of 100 requests (20.0 %), version 1 0"
    ),
    Row("20 % fail, compared with before", counted(100, 20), Counters(), FAILED, before=LONG_AGO),
    Row("20 % fail of both", counted(100, 20), counted(900, 180), PASSED),
    Row("the other fails more", counted(100, 5), counted(900, 180), PASSED),
    Row("all fail", counted(100, 100), counted(900), FAILED),
    Row("all of both fail", counted(100, 100), counted(900, 900), PASSED),
    Row("as many as is allowed", counted(100, 2), counted(900), PASSED),
    Row(
        "one more, which may be chance",
        counted(100, 3),
        counted(900),
        INCONCLUSIVE,
        "more requests will tell",
    ),
    Row("and in more requests is none", counted(10_000, 300), counted(90_000), FAILED),
    Row(
        "more is allowed",
        counted(100, 20),
        counted(900),
        PASSED,
        terms=TERMS.model_copy(update={"max_error_increase_percent": 20}),
    ),
    Row(
        "ten times slower", counted(100, seconds=0.08), counted(900), FAILED, "longer than 0.025 s for 100 of"
    ),
    Row("in the next bucket", counted(100, seconds=0.02), counted(900), PASSED),
    Row("one outlier is what a 99th percentile allows", counted(100, slow=1), counted(900), PASSED),
    Row("two may be chance", counted(100, slow=2), counted(900), INCONCLUSIVE, "seems to be slower"),
    Row("and one in 50 of many is none", counted(10_000, slow=200), counted(90_000), FAILED),
    Row("the other is as slow", counted(100, seconds=0.08), counted(900, seconds=0.08), PASSED),
    Row(
        "slower is allowed",
        counted(100, seconds=0.08),
        counted(900),
        PASSED,
        terms=TERMS.model_copy(update={"max_latency_increase_percent": 900}),
    ),
    Row(
        "both, and failing is said", counted(100, 20, seconds=0.08), counted(900), FAILED, "failed 20 of 100"
    ),
    Row("slow, and failing by chance", counted(100, 3, seconds=0.08), counted(900), FAILED, "took longer"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.case)
def test_verdict(row: Row) -> None:
    found = verdict(row.candidate, row.stable, row.before, row.terms)
    assert found.outcome is row.outcome, found.why
    assert row.words in found.why
    assert found.revision == "iris-v2-b"


def test_a_runtime_with_other_edges_is_compared_all_the_same() -> None:
    """An image of another release has them. Only what is surely slower is held against it."""
    fine = Counters(100, 0, 100, ((0.03, 0), (0.06, 0), (0.09, 100)))
    assert verdict(fine, counted(900)).outcome is FAILED
    coarse = Counters(100, 0, 100, ((1.0, 100),))
    assert verdict(coarse, counted(900)).outcome is PASSED


def test_p99() -> None:
    assert p99(counted(100)) == 0.01
    assert p99(counted(100, slow=1)) == 0.01
    assert p99(counted(100, slow=2)) == 0.1
    assert p99(counted(100, seconds=9)) == inf
    assert p99(Counters()) == inf


def test_a_server_that_is_started_anew_counts_from_0() -> None:
    before = replace(counted(100, 10), started=1.0)
    assert growth(before, replace(counted(130, 12), started=1.0)) == counted(30, 2)
    assert growth(before, replace(counted(130, 12), started=2.0)) == counted(130, 12)
    assert growth(before, replace(counted(30, 3), started=1.0)) == counted(30, 3), "and by less than before"


numbers = st.integers(0, 10_000)


@st.composite
def readings(draw: st.DrawFn) -> Counters:
    """What one server may say."""
    requests = draw(numbers)
    edges = draw(st.sampled_from([EDGES, (0.01, 0.1), (0.005, 0.02, 0.1)]))
    parts = draw(st.lists(st.integers(0, 1000), min_size=len(edges), max_size=len(edges)))
    within = list(accumulate(parts))
    timed = within[-1] + draw(st.integers(0, 100))
    failed = draw(st.integers(0, requests))
    return Counters(requests, failed, timed, tuple(zip(edges, within, strict=True)), draw(st.floats(1, 3)))


terms = st.builds(
    Analysis,
    min_requests=st.integers(10, 1000),
    max_error_increase_percent=st.integers(0, 100),
    max_latency_increase_percent=st.integers(0, 10_000),
)


@given(readings(), readings())
def test_growth_is_never_negative(before: Counters, now: Counters) -> None:
    grown = growth(before, now)
    assert min(grown.requests, grown.failed, grown.timed, *(n for _, n in grown.within)) >= 0
    assert grown.requests <= now.requests
    assert grown.timed <= now.timed


@given(readings(), readings())
def test_what_has_grown_adds_up(before: Counters, more: Counters) -> None:
    assume([e for e, _ in before.within] == [e for e, _ in more.within])
    now = replace(total([before, more]), started=before.started)
    assume(now.requests and before.requests and before.timed)
    assume(more.requests or more.timed)
    assert total([growth(before, now)]) == total([more])


@given(st.lists(readings(), max_size=5))
def test_a_sum_does_not_depend_on_the_order(parts: list[Counters]) -> None:
    assert total(parts) == total(list(reversed(parts)))
    assert total(parts).requests == sum(part.requests for part in parts)


@given(readings(), readings(), readings(), terms)
def test_too_few_requests_never_decide(
    candidate: Counters, stable: Counters, before: Counters, allowed: Analysis
) -> None:
    found = verdict(candidate, stable, before, allowed)
    if candidate.requests < allowed.min_requests:
        assert found.outcome is INCONCLUSIVE
    if max(stable.requests, before.requests) < allowed.min_requests:
        assert found.outcome is INCONCLUSIVE
    assert bool(found.why) is (found.outcome is not PASSED)


@given(readings(), terms)
def test_the_same_numbers_never_fail(counts: Counters, allowed: Analysis) -> None:
    found = verdict(counts, counts, terms=allowed)
    assert found.outcome is (PASSED if counts.requests >= allowed.min_requests else INCONCLUSIVE)


@given(readings(), readings(), terms, st.integers(1, 500))
def test_more_failures_are_never_better(
    candidate: Counters, stable: Counters, allowed: Analysis, more: int
) -> None:
    worse = replace(candidate, failed=min(candidate.requests, candidate.failed + more))
    order = [PASSED, INCONCLUSIVE, FAILED]
    before, after = (verdict(c, stable, terms=allowed).outcome for c in (candidate, worse))
    assert order.index(after) >= order.index(before)


@given(st.integers(100, 5000), st.integers(0, 100), st.integers(100, 5000))
def test_what_fails_at_once_never_passes_by_waiting(requests: int, failing: int, stable: int) -> None:
    """The same share of more requests is told at least as clearly."""
    share = requests * failing // 100
    one = verdict(counted(requests, share), counted(stable)).outcome
    ten = verdict(counted(10 * requests, 10 * share), counted(10 * stable)).outcome
    if one is FAILED:
        assert ten is FAILED
    if one is PASSED:
        assert ten is PASSED
