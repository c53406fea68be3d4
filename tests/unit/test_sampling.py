"""Rounds of readings -> samples: what is added to what, and when a new one begins."""

from collections.abc import Mapping

from pintle.api import Analysis
from pintle.domain import Comparison, Counters, Outcome, Reading, Subject, Target, Unreadable, Verdict
from pintle.sampling import Window, after, waiting
from tests.unit.test_analysis import counted

TERMS = Analysis(min_requests=100)
ONE, TWO = Target("u1", "iris-v2-b-1", "10.0.0.1"), Target("u2", "iris-v2-b-2", "10.0.0.2")
OLD = Target("u0", "iris-v1-a-1", "10.0.0.3")
SUBJECT = Subject("iris-v2-b", "iris-v1-a", "10 %", TERMS)
PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE


def compare(*candidates: Target, subject: Subject = SUBJECT) -> Comparison:
    return Comparison(subject, candidates or (ONE,), (OLD,), "iris version 2", "version 1")


def rounds(
    *readings: Mapping[Target, Reading], window: Window | None = None, comparison: Comparison | None = None
) -> tuple[Window, Verdict]:
    """Read again and again."""
    comparison = comparison or compare(ONE, TWO)
    window, verdict = window or Window(), waiting(comparison)
    for reading in readings:
        window, verdict = after(window, comparison, {t.uid: r for t, r in reading.items()})
    return window, verdict


def test_what_was_counted_before_is_no_part_of_a_sample() -> None:
    window, verdict = rounds({ONE: counted(500, 500), OLD: counted(9000)})
    assert verdict.outcome is INCONCLUSIVE
    assert window.candidate == Counters()
    window, verdict = rounds(
        {ONE: counted(500, 500), OLD: counted(9000)}, {ONE: counted(650, 500), OLD: counted(9900)}
    )
    assert verdict.outcome is PASSED


def test_a_pod_that_is_started_anew_loses_only_what_it_had_not_told() -> None:
    window, _ = rounds(
        {ONE: counted(0), OLD: counted(0)},
        {ONE: counted(50), OLD: counted(100)},
        {ONE: counted(20), OLD: counted(200)},
    )
    assert (window.candidate.requests, window.stable.requests) == (70, 200)


def test_a_pod_that_is_replaced_has_told_what_it_had() -> None:
    window, _ = rounds(
        {ONE: counted(0), OLD: counted(0)},
        {ONE: counted(50), TWO: counted(7), OLD: counted(100)},
        {TWO: counted(37), OLD: counted(200)},
    )
    assert window.candidate.requests == 80


def test_a_pod_that_cannot_be_read_for_a_while() -> None:
    window, _ = rounds(
        {ONE: counted(0), TWO: counted(0), OLD: counted(0)},
        {ONE: counted(10), TWO: Unreadable("is slow"), OLD: counted(100)},
        {ONE: counted(20), TWO: counted(30), OLD: counted(200)},
    )
    assert window.candidate.requests == 50, "what it answered meanwhile is told later"


def test_none_can_be_read() -> None:
    _, verdict = rounds({ONE: Unreadable("is slow"), TWO: Unreadable("is slow"), OLD: counted(100)})
    assert (verdict.outcome, verdict.why) == (INCONCLUSIVE, "pod iris-v2-b-1 is slow")
    _, verdict = rounds({ONE: counted(900), OLD: Unreadable("is gone")})
    assert (verdict.outcome, verdict.why) == (INCONCLUSIVE, "pod iris-v1-a-1 is gone")
    _, verdict = rounds({})
    assert verdict.why == "there is no pod to read the numbers of"


def test_after_a_sample_that_passed_another_begins() -> None:
    first = ({ONE: counted(0), OLD: counted(0)}, {ONE: counted(1000), OLD: counted(9000)})
    window, verdict = rounds(*first)
    assert (verdict.outcome, window.candidate) == (PASSED, Counters())
    window, verdict = rounds({ONE: counted(1050, 20), OLD: counted(9500)}, window=window)
    assert verdict.outcome is PASSED, "too few to say anything else"
    _, verdict = rounds({ONE: counted(1100, 40), OLD: counted(9900)}, window=window)
    assert verdict.outcome is FAILED, "40 of 100, however good it was before"


def test_what_may_be_chance_holds_up_what_has_passed() -> None:
    window, _ = rounds({ONE: counted(0), OLD: counted(0)}, {ONE: counted(1000), OLD: counted(9000)})
    _, verdict = rounds({ONE: counted(1100, 3), OLD: counted(9900)}, window=window)
    assert verdict.outcome is INCONCLUSIVE


def test_another_share_begins_a_sample() -> None:
    window, _ = rounds({ONE: counted(0), OLD: counted(0)}, {ONE: counted(90, 90), OLD: counted(900)})
    more = SUBJECT._replace(stage="50 %")
    window = window.anew(SUBJECT, more)
    _, verdict = rounds(
        {ONE: counted(290, 90), OLD: counted(1100)}, window=window, comparison=compare(ONE, subject=more)
    )
    assert verdict.outcome is PASSED


def test_after_a_switch_it_is_compared_with_what_the_other_answered_last() -> None:
    """Not with all that it has ever answered, where there is something newer."""
    window, verdict = rounds(
        {ONE: counted(0), OLD: counted(9000)}, {ONE: counted(200, 40), OLD: counted(9200, 40)}
    )
    assert verdict.outcome is PASSED, "both fail for some reason of today"
    over = SUBJECT._replace(stage="switch")
    window = window.anew(SUBJECT, over)
    _, verdict = rounds(
        {ONE: counted(2200, 440), OLD: counted(9210, 42)},
        window=window,
        comparison=compare(ONE, subject=over),
    )
    assert verdict.outcome is PASSED
    other = SUBJECT._replace(stable="iris-v0-c")
    assert window.anew(over, other).recent == Counters(), "and not with what another one did"


def test_what_it_was_read_last_is_kept_of_pods_that_are_there() -> None:
    window, _ = rounds({ONE: counted(5), TWO: counted(5), OLD: counted(5)})
    window, _ = rounds({ONE: counted(6), OLD: counted(6)}, window=window, comparison=compare(ONE))
    assert set(window.last) == {"u1", "u0"}
