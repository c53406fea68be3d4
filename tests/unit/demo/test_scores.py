"""What a step cost a side, and what is held against Pintle."""

import pytest

from demo.conclusions import faults
from demo.scores import Move, Row, Score, score, seconds_to_serve
from demo.traffic import Declared, Request


def ok(began: float, version: str, revision: str = "") -> Request:
    return Request("pintle", began, began + 0.25, "ok", version, revision, 200, "")


def lost(began: float) -> Request:
    return Request("pintle", began, began + 0.25, "lost", "", "", 0, "refused")


def nan(began: float, version: str) -> Request:
    return Request("pintle", began, began + 0.25, "wrong", version, "", 200, "NaN")


EDIT = Move(100, "2")


@pytest.mark.parametrize(
    ("requests", "seconds"),
    [
        pytest.param(
            [ok(100, "1"), ok(103, "1"), ok(102, "2"), ok(104, "2")], 3.25, id="the last old answer"
        ),
        pytest.param([ok(101, "2"), ok(102, "2")], 1.25, id="nothing else ever answered: the first answer"),
        pytest.param([ok(101, "2"), ok(102, "1")], None, id="taken back"),
        pytest.param([ok(101, "1")], None, id="never came"),
        pytest.param([lost(101)], None, id="nothing answered"),
        pytest.param([ok(100, "1"), nan(101, "2")], 0.25, id="a wrong answer tells its version"),
    ],
)
def test_seconds_until_what_was_declared_answers_alone(
    requests: list[Request], seconds: float | None
) -> None:
    assert seconds_to_serve(requests, EDIT) == seconds


def test_where_the_version_stays_the_revision_tells() -> None:
    requests = [ok(100, "2", "a"), ok(101, "2", "a"), ok(102, "2", "b")]
    assert seconds_to_serve(requests, Move(100, "2", revision="b")) == 1.25


def test_a_step_counts_the_requests_from_its_edit_to_the_next() -> None:
    allowed = Declared(0, "1")
    allowed.allow(100, "12")
    requests = [ok(99, "1"), ok(100, "1"), ok(101, "2"), ok(102, "3"), nan(103, "2"), lost(104), ok(200, "1")]
    assert score(requests, EDIT, 200, allowed) == Score(2.25, "", sent=5, lost=1, wrong=2)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Score(0.1234, "", 9, 0, 0), "0.12 s"),
        (Score(None, "", 9, 0, 0), "never"),
        (Score(12.0, "refused", 9, 0, 0), "refused"),
    ],
)
def test_the_seconds_or_what_stands_in_for_them(found: Score, text: str) -> None:
    assert found.time() == text


GOOD = Score(0.1, "", 9, 0, 0)
BAD = Score(None, "", 9, 5, 5)


@pytest.mark.parametrize(
    ("pintle", "fault"),
    [
        (GOOD, ""),
        (Score(None, "refused", 9, 0, 0), ""),
        (Score(0.1, "", 9, 1, 0), "1 requests lost"),
        (Score(0.1, "", 9, 0, 2), "2 answered wrongly"),
        (Score(None, "", 9, 0, 0), "never answered alone"),
        (Score(None, "-", 0, 0, 0), "no request was sent"),
    ],
)
def test_pintle_may_lose_nothing_and_has_to_arrive_but_the_plain_deployment_is_only_shown(
    pintle: Score, fault: str
) -> None:
    found = faults([Row("a step", rollback=False, pintle=pintle, plain=BAD)])
    assert [fault in line for line in found] == ([True] if fault else [])
