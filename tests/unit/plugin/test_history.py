"""`history`: what served from when to when."""

from datetime import timedelta

from kubectl_pintle import records, timeline
from tests.support.plugin_states import load
from tests.unit.plugin.captured import state


def test_what_served_from_when_to_when() -> None:
    shown = state("rejected")
    rows = timeline.rows(shown.deployment, shown.records)
    told = [(r.version, r.outcome, r.now) for r in rows]
    assert told == [
        ("1", "Serving", "serving"),
        ("2", "Replaced", "standby"),
        ("4", "ProofFailed", "rejected"),
        ("2", "Replaced", "rejected"),
        ("1", "Replaced", "serving"),
    ]
    served = [r for r in rows if r.began]
    assert [r.ended for r in served[1:]] == [r.began for r in served[:-1]], (
        "one after the other, without gaps"
    )
    assert served[0].ended is None
    failed = rows[2]
    assert (failed.began, failed.ended) == (None, None), "it never served"
    assert rows[0].cause == "pintle.dev/reject-revision: version/2"


def test_what_is_on_its_way_comes_first() -> None:
    shown = state("proving")
    newest, serving = timeline.rows(shown.deployment, shown.records)
    assert (newest.version, newest.now, newest.began, newest.outcome) == ("2", "candidate", None, "Proving")
    assert (serving.version, serving.now) == ("1", "serving")


def test_without_a_history_the_records_tell_what_they_know() -> None:
    """As after somebody wiped the status: nothing of times is known, and nothing is made up."""
    shown = state("proof-failed")
    rows = timeline.rows(shown.without("history"), shown.records)
    assert [(r.version, r.outcome, r.now) for r in rows] == [
        ("4", "ProofFailed", "rejected"),
        ("2", "Proven", "serving"),
        ("1", "Proven", "standby"),
    ]
    assert all(r.began is None and r.seconds is None for r in rows)
    assert rows[1].run_id == shown.record("2").run_id != ""


def test_a_revision_that_is_off_the_record_is_told_all_the_same() -> None:
    shown = state("proof-failed")
    rows = timeline.rows(shown.without("standby"), [shown.record("2")])
    assert [(r.version, r.now) for r in rows] == [("4", "rejected"), ("2", "serving"), ("1", "")]


def test_records_of_a_former_object_of_the_same_name_are_left_out() -> None:
    content = load("rejected")
    uid = content["deployment"]["metadata"]["uid"]
    assert [r.version for r in records.parse(content["records"], of=uid)] == ["2", "4", "2", "1"]
    assert records.parse(content["records"], of="another") == ()
    orphans = [{**r, "metadata": {**r["metadata"], "ownerReferences": None}} for r in content["records"]]
    assert records.parse(orphans, of=uid) == (), "nor does the operator count them"


def test_for_people_and_for_scripts() -> None:
    shown = state("standby")
    rows = timeline.rows(shown.deployment, shown.records)
    header, newest, oldest = timeline.lines(rows, wide=False)
    assert header.split() == [
        "VERSION",
        "REVISION",
        "FROM",
        "(UTC)",
        "TO",
        "(UTC)",
        "TOOK",
        "OUTCOME",
        "NOW",
        "RUN",
        "CAUSE",
    ]
    hash_2, run_2 = shown.record("2").hash, shown.record("2").run_id
    assert newest.startswith(f"2         {hash_2}   20")
    assert " now " in newest
    assert newest.endswith(f"{run_2[:8]}   version 2 was declared")
    assert "Replaced   standby" in oldest
    wide = timeline.lines(rows, wide=True)[1]
    assert run_2 in wide
    assert shown.record("2").name in wide
    assert "models:/" in wide
    data = timeline.data(rows)
    assert data[0]["to"] is None
    assert data[1]["to"] == data[0]["from"]
    assert data[0]["runId"] == run_2


def test_what_served_at_a_moment() -> None:
    shown = state("rejected")
    rows = timeline.rows(shown.deployment, shown.records)
    served = [row for row in rows if row.began]
    second = timedelta(seconds=1)
    for row in served:
        assert row.began is not None
        assert timeline.served_at(rows, row.began) is row
        if row.ended:
            assert timeline.served_at(rows, row.ended - second) is row
            assert timeline.served_at(rows, row.ended) is not row, "a second has one answer"
    oldest, newest = served[-1].began, served[0]
    assert oldest is not None
    assert timeline.served_at(rows, oldest - second) is None
    assert timeline.served_at(rows, shown.now + timedelta(days=1)) is newest
    assert timeline.served_at(timeline.rows(shown.without("history"), shown.records), shown.now) is None


def test_the_answer_for_people() -> None:
    shown = state("rejected")
    rows = timeline.rows(shown.deployment, shown.records)
    lines = dict(line.split("   ", 1) for line in timeline.answer(rows[0]))
    told = {name.strip(): value.strip() for name, value in lines.items()}
    assert told["version"] == "1"
    assert told["to (UTC)"] == "now"
    assert told["run"] == rows[0].run_id != ""
    assert told["cause"] == "pintle.dev/reject-revision: version/2"
    assert "alias" not in told, "none was followed"
