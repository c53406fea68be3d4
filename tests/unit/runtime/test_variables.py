"""What `fetch` does when the Secret of an object store changes while it waits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pintle_runtime.fetch.variables import Variables

# Takes what a file holds, twice, and writes it anew in between: once, as the second process finds it written.
_PROCESS = """
import json, os, pathlib, sys
from pintle_runtime.fetch import variables
mounted, runs = map(pathlib.Path, sys.argv[1:])
with runs.open("a") as log:
    log.write(json.dumps({name: os.environ.get(name) for name in ("AWS_A", "AWS_B", "AWS_ROLE")}) + "\\n")
variables.of_this_process.take(json.loads(mounted.read_text()))
mounted.write_text(json.dumps({"AWS_B": "corrected", "AWS_ROLE": "of the Secret"}))
variables.of_this_process.take(json.loads(mounted.read_text()))
print(json.dumps({name: os.environ.get(name) for name in ("AWS_A", "AWS_B", "AWS_ROLE")}))
"""


class Anew(Exception):
    """In the place of another process."""


def _anew() -> None:
    raise Anew


def test_others_are_for_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_A", "before")
    taking = Variables(_anew)  # type: ignore[arg-type]  # it does not return either
    taking.take({"AWS_A": "1"})
    assert os.environ["AWS_A"] == "1"
    taking.take({"AWS_A": "1"})
    for others in ({"AWS_A": "2"}, {"AWS_A": "1", "AWS_B": "1"}, {}):
        with pytest.raises(Anew):
            taking.take(others)


def test_keys_that_come_later_are_for_another_process() -> None:
    taking = Variables(_anew)  # type: ignore[arg-type]  # it does not return either
    taking.take({})
    taking.take({})
    with pytest.raises(Anew):
        taking.take({"AWS_A": "1"})


def test_the_process_begins_anew(tmp_path: Path) -> None:
    """With the environment of the first time: without what the Secret had added, or put over it."""
    mounted, runs = tmp_path / "mounted", tmp_path / "runs"
    mounted.write_text(json.dumps({"AWS_A": "wrong", "AWS_ROLE": "of the Secret, too"}))
    command = [sys.executable, "-c", _PROCESS, str(mounted), str(runs)]
    environment = {**os.environ, "AWS_ROLE": "of the webhook", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first = {"AWS_A": None, "AWS_B": None, "AWS_ROLE": "of the webhook"}
    assert [json.loads(line) for line in runs.read_text().splitlines()] == [first, first]
    taken = {"AWS_A": None, "AWS_B": "corrected", "AWS_ROLE": "of the Secret"}
    assert json.loads(done.stdout.splitlines()[-1]) == taken
