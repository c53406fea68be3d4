"""Waiting on a kubectl that prints what a script says: broken watches, deletions, deadlines."""

import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from kubectl_pintle import cli
from kubectl_pintle import deployment as deployments
from kubectl_pintle.following import End, follow
from kubectl_pintle.kubectl import Kubectl, KubectlError
from kubectl_pintle.names import ANNOTATION_REJECT
from kubectl_pintle.progress import ready
from kubectl_pintle.screen import Screen
from tests.support.gitops.testdata import path_of
from tests.support.plugin_states import load

# Prints, at its n-th start, the n-th part of a file, and ends as that says; the last one is for all after.
PROGRAM = """\
import json, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
parts = json.loads((folder / "parts.json").read_text())
started = folder / "started"
count = int(started.read_text()) if started.exists() else 0
started.write_text(str(count + 1))
(folder / f"arguments-{count}").write_text(" ".join(sys.argv[2:]))
part = parts[min(count, len(parts) - 1)]
for event in part["events"]:
    print(json.dumps(event, indent=part.get("indent")), flush=True)
sys.stderr.write(part.get("says", ""))
sys.stderr.flush()
if part.get("stays"):
    time.sleep(600)
sys.exit(part.get("code", 0))
"""


class Scripted:
    """A kubectl whose watches print what is planned."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def plan(self, *parts: dict[str, Any]) -> None:
        (self.folder / "parts.json").write_bytes(orjson.dumps(parts))

    @property
    def starts(self) -> int:
        return int((self.folder / "started").read_text())


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    (tmp_path / "kubectl.py").write_text(PROGRAM)
    monkeypatch.setenv("KUBECTL", f"{sys.executable} {tmp_path / 'kubectl.py'} {tmp_path}")
    return Scripted(tmp_path)


def _event(body: object, kind: str = "MODIFIED") -> dict[str, Any]:
    return {"type": kind, "object": body}


PROVING = load("proving")["deployment"]
READY = load("standby")["deployment"]


def _follow(seconds: float = 30) -> End:
    first = deployments.parse(PROVING)
    return follow(Kubectl(("--context=here",)), Screen(), first, ready, timedelta(seconds=seconds))


@pytest.mark.parametrize("indent", [None, 4])
def test_it_waits_until_it_is_ready(
    scripted: Scripted, capsys: pytest.CaptureFixture[str], indent: int | None
) -> None:
    """Documents on one line are what kubectl 1.34 prints; other versions indent them."""
    scripted.plan({"events": [_event(PROVING, "ADDED"), _event(READY)], "stays": True, "indent": indent})
    end = _follow()
    assert end.done
    assert end.deployment.is_ready
    assert not end.timed_out
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1, "without a terminal, a line when the words change"
    assert told[0].startswith("Proving: iris version 2")
    given = (scripted.folder / "arguments-0").read_text()
    assert given.startswith("--context=here get modeldeployments.pintle.dev iris -n ")


def test_a_watch_that_ends_is_begun_again(scripted: Scripted) -> None:
    refused = {"events": [], "says": "The connection to the server was refused", "code": 1}
    scripted.plan({"events": [_event(PROVING, "ADDED")]}, refused, {"events": [_event(READY, "ADDED")]})
    assert _follow().done
    assert scripted.starts == 3


def test_the_deadline(scripted: Scripted) -> None:
    scripted.plan({"events": [_event(PROVING, "ADDED")], "stays": True})
    end = _follow(seconds=0.5)
    assert end.timed_out
    assert not end.done


@pytest.mark.parametrize(
    "part",
    [
        {"events": [_event(PROVING, "ADDED"), _event(PROVING, "DELETED")], "stays": True},
        {"events": [], "says": 'Error from server (NotFound): modeldeployments "iris" not found', "code": 1},
        {"events": [_event({**READY, "metadata": {**READY["metadata"], "uid": "another"}})], "stays": True},
    ],
)
def test_an_object_that_is_deleted_ends_it(scripted: Scripted, part: dict[str, Any]) -> None:
    scripted.plan(part)
    end = _follow()
    assert (end.done, end.timed_out, end.verdict.words) == (False, False, "it was deleted")


REJECTED = load("rejected")["deployment"]
CLEARED = {**REJECTED, "metadata": {**REJECTED["metadata"], "annotations": {}}}


def test_what_is_rejected_no_more_is_waited_for(
    scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until the operator has seen it, the status tells of the rejection, and a next one would go by that."""
    seen = {"events": [_event(CLEARED, "ADDED"), _event(READY)], "stays": True}
    scripted.plan({"events": [REJECTED]}, {"events": [CLEARED]}, seen)
    assert cli.main(["reject", "iris", "--clear"]) == 0
    told = capsys.readouterr()
    assert "version 2, which is declared, takes the traffic again" in told.out
    assert "the operator has not seen yet that nothing is rejected any more" in told.err
    assert "--watch" in (scripted.folder / "arguments-2").read_text()


@pytest.mark.parametrize(
    ("last", "says"), [(CLEARED, "nothing is rejected any more (not within 0.5s)"), (REJECTED, "again")]
)
def test_what_is_rejected_still_is_told(
    scripted: Scripted, capsys: pytest.CaptureFixture[str], last: dict[str, Any], says: str
) -> None:
    unseen = {"events": [_event(last, "ADDED")], "stays": True}
    scripted.plan({"events": [REJECTED]}, {"events": [CLEARED]}, unseen)
    assert cli.main(["reject", "iris", "--clear", "--timeout", "0.5s"]) == 1
    assert says in capsys.readouterr().out.splitlines()[-1]


def test_what_holds_nothing_back_is_lifted_at_once(scripted: Scripted) -> None:
    annotations = {ANNOTATION_REJECT: "version/9"}
    annotated = {**READY, "metadata": {**READY["metadata"], "annotations": annotations}}
    scripted.plan({"events": [annotated]}, {"events": [READY]})
    assert cli.main(["reject", "iris", "--clear"]) == 0
    assert scripted.starts == 2


def test_what_would_be_done_is_not_waited_for(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    """A rollback is under way: there is nothing to write, and with --dry-run nothing to wait for."""
    metadata = {**READY["metadata"], "generation": READY["metadata"]["generation"] + 1}
    under_way = {**READY, "metadata": metadata, "spec": {**READY["spec"], "version": 1}}
    unseen = {"events": [_event(under_way, "ADDED")], "stays": True}
    scripted.plan({"events": [under_way]}, {"events": [{"items": []}]}, unseen)
    assert cli.main(["rollback", "iris", "--dry-run", "--timeout", "0.5s"]) == 0
    assert "declares version 1 already (it is on its way; " in capsys.readouterr().out
    assert scripted.starts == 2


def test_kubectls_own_words_are_the_error(scripted: Scripted) -> None:
    scripted.plan({"events": [], "says": "error: context here does not exist", "code": 1})
    with pytest.raises(KubectlError, match="context here does not exist"):
        Kubectl().deployment("iris", "ml")


def test_what_is_no_error_is_passed_on_at_once(
    scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    """A credential plugin may ask somebody to log in."""
    ask = "To sign in, open https://login.example.com\n"
    scripted.plan({"events": [READY], "says": ask})
    assert Kubectl().deployment("iris", "ml")["metadata"]["name"] == "iris"
    assert capsys.readouterr().err == ask
    scripted.plan({"events": [], "says": f"{ask}error: not logged in\n", "code": 1})
    with pytest.raises(KubectlError, match="not logged in"):
        Kubectl().deployment("iris", "ml")
    assert capsys.readouterr().err == ask, "the error is told by who catches it"


def test_a_script_that_leaves_its_kubectl_behind_holds_nothing_up(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.plan({"events": [_event(READY, "ADDED")], "stays": True})
    wrapper = scripted.folder / "wrapper"
    wrapper.write_text(f'#!/bin/sh\n{os.environ["KUBECTL"]} "$@" &\necho $! > {scripted.folder}/left\nwait\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("KUBECTL", str(wrapper))
    began = time.monotonic()
    try:
        assert _follow().done
        assert time.monotonic() - began < 30
    finally:
        os.kill(int((scripted.folder / "left").read_text()), signal.SIGTERM)
        for reader in [t for t in threading.enumerate() if t.name == "watch"]:
            reader.join(30)


def test_a_kubectl_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECTL", "no-such-program")
    with pytest.raises(KubectlError, match="cannot run no-such-program"):
        Kubectl().deployment("iris", "ml")


def test_the_testdata_is_of_one_object() -> None:
    assert PROVING["metadata"]["uid"] == READY["metadata"]["uid"]
    assert path_of("ModelDeployment", "serving").exists()
