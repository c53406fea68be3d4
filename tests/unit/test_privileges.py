"""Granted verbs beside those that an audit log tells of, as `tests/e2e` compares the real ones."""

from pathlib import Path

import orjson

from tests.support.audit import OPERATOR, AuditLog
from tests.support.privileges import granted, used

RULES = [
    {"apiGroups": [""], "resources": ["services"], "verbs": ["get", "watch"]},
    {"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale"], "verbs": ["patch"]},
]


def _entry(verb: str, resource: str, *, stage: str = "ResponseComplete", user: str = OPERATOR) -> bytes:
    group, _, plural = resource.rpartition("/")
    plural, _, subresource = plural.partition(":")
    target = {"resource": plural, "apiGroup": group, "subresource": subresource, "namespace": "ml"}
    when = "2026-11-26T00:00:00.000000Z"
    times = {"requestReceivedTimestamp": when, "stageTimestamp": when}
    answer = {"responseStatus": {"code": 200}}
    return orjson.dumps(
        {"stage": stage, "verb": verb, "user": {"username": user}, "objectRef": target, **times, **answer}
    )


def test_what_is_granted_and_was_never_used(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    lines = [
        _entry("get", "services"),
        _entry("patch", "apps/deployments:scale"),
        _entry("patch", "apps/deployments", user="somebody"),
    ]
    path.write_bytes(b"\n".join([*lines, b""]))
    log = AuditLog(path)
    may = granted([{"kind": "Role", "rules": RULES}])
    assert sorted(may - used(log.begun(0))) == [("deployments.apps", "patch"), ("services", "watch")]
    # A watch that has not come to its end is one that is used.
    mark = log.mark()
    with path.open("ab") as file:
        file.write(_entry("watch", "services", stage="ResponseStarted") + b"\n")
    assert used(log.begun(mark)) == {("services", "watch")}
    assert log.everywhere(mark).requests == (), "as requests of a pass it does not count"
    # The control: with all of it used, nothing is left.
    with path.open("ab") as file:
        file.write(_entry("patch", "apps/deployments") + b"\n")
    assert may - used(log.begun(0)) == frozenset()
