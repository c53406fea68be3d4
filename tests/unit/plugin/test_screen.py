"""What others wrote into names, messages and Events is shown by the plugin, and steers no terminal."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kubectl_pintle import overview
from kubectl_pintle.events import Event
from kubectl_pintle.overview import Overview
from kubectl_pintle.screen import Screen
from kubectl_pintle.text import to_json
from tests.support.hostile_text import HOSTILE_TEXT
from tests.unit.plugin.captured import state


@pytest.mark.parametrize("text", HOSTILE_TEXT.values(), ids=HOSTILE_TEXT)
def test_a_message_steers_no_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = state("proof-failed")
    now = datetime(2026, 11, 23, tzinfo=UTC)
    event = Event(now, "Warning", "Failed", "Pod/x", f"said {text}.", 1)
    lines = overview.lines(replace(Overview(shown.deployment), events=(event,), unread=(text,)), now)
    Screen().print(lines)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == len(lines), "nothing makes a line of its own"
    assert all(c.isprintable() for c in printed.replace("\n", "")), "every character is one that is seen"
    assert json.dumps(text)[1:-1] in printed, "as it is written in JSON"
    # The control: these lines would reach the terminal as they are.
    assert text in "\n".join(lines)


@pytest.mark.parametrize("text", HOSTILE_TEXT.values(), ids=HOSTILE_TEXT)
def test_what_scripts_read_steers_no_terminal_and_is_whole(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Screen().print(to_json({"message": text, "model": "größe 模型"}))
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"message": text, "model": "größe 模型"}
    assert all(c.isprintable() for c in printed.replace("\n", ""))
    assert "größe 模型" in printed


@pytest.mark.parametrize("text", HOSTILE_TEXT.values(), ids=HOSTILE_TEXT)
def test_what_is_said_meanwhile_steers_no_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Screen().say(f"kubectl pintle: two lines\nof kubectl {text}")
    printed = capsys.readouterr().err
    assert printed.startswith("kubectl pintle: two lines\nof kubectl ")
    assert all(c.isprintable() for c in printed.replace("\n", ""))
