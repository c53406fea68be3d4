"""What is read out of a record of requests."""

import math

import pytest

from demo.traffic import Declared, Request, Totals, answers_by, flip_backs, latencies, totals, undeclared


def ok(began: float, version: str, *, took: float = 0.01, revision: str = "") -> Request:
    return Request("iris", began, began + took, "ok", version, revision, 200, "")


def nan(began: float, version: str) -> Request:
    return Request("iris", began, began + 0.01, "wrong", version, "", 200, '{"predictions": [NaN]}')


def lost(began: float) -> Request:
    return Request("iris", began, began + 0.01, "lost", "", "", 0, "ConnectionRefusedError")


def test_totals_count_each_request_once() -> None:
    requests = [ok(0, "1"), ok(1, "2"), nan(2, "3"), lost(3)]
    assert totals(requests) == Totals(sent=4, ok=2, wrong=1, lost=1)
    assert totals(requests, Declared(0, "1")) == Totals(sent=4, ok=1, wrong=2, lost=1)


def test_a_version_is_undeclared_only_if_it_was_at_no_moment_of_the_request_allowed() -> None:
    declared = Declared(0, "1")
    declared.allow(10, "12")
    declared.allow(20, "2")
    requests = [
        ok(5, "1"),
        ok(5, "2"),  # too early
        ok(9.995, "2"),  # allowed before it was done
        ok(15, "1"),
        ok(15, "2"),
        ok(19.995, "1"),  # allowed when it began
        ok(20.5, "1"),  # too late
        ok(25, "2"),
    ]
    assert undeclared(requests, declared) == [requests[1], requests[6]]


def test_what_is_declared_is_told_in_order() -> None:
    declared = Declared(10, "1")
    with pytest.raises(ValueError, match="before the last change"):
        declared.allow(9, "2")


def test_a_flip_back_is_an_old_answer_after_the_new_version_had_settled() -> None:
    changes = [(10.0, "2"), (20.0, "1")]
    requests = [
        ok(5, "1"),
        ok(10.5, "1"),
        ok(10.6, "2"),
        ok(10.65, "1"),  # while endpoints are on their way
        ok(13, "2"),
        ok(14, "1"),  # back
        ok(20.1, "2"),
        ok(20.2, "1"),
        ok(25, "1"),
        nan(26, "2"),  # back, and wrong besides
    ]
    assert flip_backs(requests, changes) == [requests[5], requests[9]]
    assert flip_backs(requests, changes, settle=0.01) == [requests[3], requests[5], requests[9]]


def test_a_refused_version_has_no_flip_backs() -> None:
    assert flip_backs([ok(11, "2"), ok(12, "2")], [(10.0, "3")]) == []


def test_answers_are_found_by_version_revision_and_time() -> None:
    a, b = ok(3, "1", revision="a"), ok(2, "1", revision="b", took=0.5)
    requests = [a, b, ok(1, "2"), lost(2), nan(4, "1")]
    assert answers_by(requests, version="1") == [b, a, requests[4]]
    assert answers_by(requests, revision="b") == [b]
    assert answers_by(requests, since=2, until=3) == [b]


def test_latencies_are_of_answered_requests() -> None:
    requests = [ok(0, "1", took=took) for took in (0.4, 0.1, 0.3, 0.2, 0.5)] + [lost(0)]
    assert latencies(requests, 0, 0.5, 1) == pytest.approx([0.1, 0.3, 0.5])
    assert math.isnan(latencies([lost(0)], 0.5)[0])
