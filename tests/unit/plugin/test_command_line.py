"""The command line itself: what it takes, what it passes on, what it exits with."""

from datetime import UTC, datetime, timedelta

import pytest

from kubectl_pintle import cli

COMMANDS = ("status", "history", "diff", "rollback", "reject", "promote", "wait", "export")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("0.5s", 0.5), ("0", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert cli.timeout(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["2025-11-24T14:05Z", "2025-11-24T14:05:00+00:00", "2025-11-24 14:05", "2025-11-24T15:05+01:00"],
)
def test_moments(text: str) -> None:
    assert cli.moment(text) == datetime(2025, 11, 24, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "arguments",
    [
        ["wait", "iris", "--timeout", "soon"],
        ["wait", "iris", "--timeout", ""],
        ["history", "iris", "--at", "yesterday"],
        ["history", "iris", "--at", "2999-01-01T00:00Z"],
        ["wait"],
        ["diff"],
        ["promote"],
        ["promote", "iris", "version/2"],
        ["status", "-o", "wide"],
        ["reject", "iris", "version/2", "--clear"],
        ["rollback", "iris", "--reject", "--force"],
        ["rollback", "iris", "--rej"],
        ["export", "iris"],
        [],
    ],
)
def test_what_is_not_understood(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: kubectl pintle" in capsys.readouterr().err


def test_help_tells_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n    {command}" in text for command in COMMANDS)
    assert "exit status: 0 " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert "--namespace" in capsys.readouterr().out


def test_what_kubectl_cannot_do_is_told_and_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECTL", "no-such-program")
    assert cli.main(["status", "iris"]) == 2
    assert capsys.readouterr().err.startswith("kubectl pintle: cannot run no-such-program")
