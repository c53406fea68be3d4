"""Retrying, termination messages, logs, and reading revision.json."""

from __future__ import annotations

import itertools
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from pintle_runtime import log, retry, revision, termination
from pintle_runtime.fetch import credentials, digest
from pintle_runtime.retry import Transient
from pintle_runtime.revision import Index, ProofSettings
from pintle_runtime.termination import Reason, Refused
from tests.unit.runtime.conftest import REVISION


def test_waits_double_up_to_thirty_seconds() -> None:
    waits = list(itertools.islice(retry.delays(), 20))
    for wait, longest in zip(waits, [0.5, 1, 2, 4, 8, 16, *[30] * 14], strict=True):
        assert longest * 0.75 <= wait <= longest


@pytest.mark.parametrize(
    ("asked", "least", "most"), [(None, 0.3, 0.5), (7.0, 7.0, 7.0), (3600.0, 30.0, 30.0), (0.0, 0.3, 0.5)]
)
def test_waits_as_long_as_asked_within_reason(asked: float | None, least: float, most: float) -> None:
    waits: list[float] = []

    def attempt() -> str:
        if not waits:
            raise Transient("not yet", after=asked)
        return "done"

    assert retry.until_done(attempt, what="try", sleep=waits.append) == "done"
    assert least <= waits[0] <= most


def test_what_is_not_transient_is_not_tried_again() -> None:
    def attempt() -> None:
        raise Refused(Reason.FETCH_FAILED, "gone")

    with pytest.raises(Refused):
        retry.until_done(attempt, what="try", sleep=lambda _: pytest.fail("it waited"))


def test_exit_codes_are_the_contracts() -> None:
    assert {reason.title: reason.code for reason in Reason} == {
        "FetchFailed": 10,
        "ArtifactChanged": 11,
        "UnsafeArtifact": 12,
        "UnsafeRequirement": 13,
        "LoadFailed": 14,
        "ProofFailed": 15,
    }


@pytest.mark.parametrize("words", ["short", "x" * 10_000, "ü" * 10_000, '"\\\n' * 5_000, "\ud800"])
def test_messages_fit_and_stay_json(tmp_path: Path, words: str) -> None:
    path = tmp_path / "termination-log"
    assert termination.refuse(path, Refused(Reason.LOAD_FAILED, words)) == 14
    assert path.stat().st_size <= termination.LIMIT_BYTES
    said = json.loads(path.read_bytes())
    assert said["reason"] == "LoadFailed"
    assert said["message"][:5] == words[:5].encode(errors="replace").decode()


def test_a_container_without_a_termination_log_still_ends(tmp_path: Path) -> None:
    assert termination.refuse(tmp_path / "absent/termination-log", Refused(Reason.LOAD_FAILED, "x")) == 14


def test_logs_are_json_without_credentials() -> None:
    error = ValueError("https://user:secret@index.example/simple")
    caught = (ValueError, error, None)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "to %s", ("https://u:secret@h/",), exc_info=caught)
    record.fields = {"path": Path("/x")}
    line = log.JsonFormatter().format(record)
    assert "secret" not in line
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["level"], entry["event"], entry["path"]) == ("error", "to https://***@h/", "/x")
    assert "ValueError" in entry["traceback"]


def test_reads_what_the_operator_writes(tmp_path: Path) -> None:
    path = tmp_path / "revision.json"
    changes: dict[str, Any] = {
        "contentDigest": "sha256:00",
        "proof": {"mode": "Required", "allowNonFinite": True, "timeoutSeconds": 5},
        "index": {"url": "https://index.example/simple", "caBundle": "PEM"},
        "laterField": 1,
    }
    path.write_text(json.dumps(REVISION | changes))
    read = revision.read(path)
    assert (read.name, read.model, read.version) == ("iris-v3-1a2b3c4d", "iris", "3")
    assert read.content_digest == "sha256:00"
    assert read.proof == ProofSettings("Required", allow_non_finite=True, timeout_seconds=5)
    assert read.index == Index("https://index.example/simple", "PEM")
    assert read.max_artifact_bytes == 1 << 30


def test_what_is_left_out_has_a_default() -> None:
    least = {name: REVISION[name] for name in ("revision", "model", "version", "artifactUri")}
    read = revision.parse(least)
    assert (read.proof, read.index, read.content_digest) == (ProofSettings(), Index(), None)
    assert read.max_artifact_bytes == revision.DEFAULT_MAX_ARTIFACT_BYTES


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"revision": None}, "revision"),
        ({"artifactUri": ""}, "artifactUri"),
        ({"version": True}, "version"),
        ({"model": {}}, "model"),
        ({"contentDigest": "md5:0"}, "contentDigest"),
        ({"environmentDigest": 7}, "environmentDigest"),
        ({"proof": {"mode": "Sometimes"}}, "proof.mode"),
    ],
)
def test_a_broken_file_names_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        revision.parse(REVISION | change)


def test_credentials_never_show(tmp_path: Path) -> None:
    for name in ("username", "password", "token", "AWS_SECRET_ACCESS_KEY", "aws_other", "..data"):
        (tmp_path / name).write_text(f"secret of {name}\n") if name != "..data" else (tmp_path / name).mkdir()
    read = credentials.read(tmp_path)
    assert read.password == "secret of password"
    assert read.aws == {"AWS_SECRET_ACCESS_KEY": "secret of AWS_SECRET_ACCESS_KEY"}
    assert "secret" not in repr(read)


@pytest.mark.parametrize("odd", ["link", "fifo"])
def test_a_digest_is_of_regular_files_only(tmp_path: Path, odd: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_text("x")
    assert digest.of_folder(tmp_path).startswith("sha256:")
    if odd == "link":
        (tmp_path / "folder/odd").symlink_to("/etc")
    else:
        os.mkfifo(tmp_path / "folder/odd")
    with pytest.raises(ValueError, match="not a regular file"):
        digest.of_folder(tmp_path)
