"""The parts of the demo around its story."""

import argparse
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from demo import cli, credentials, setup
from demo.display import WIDTH, Display
from demo.errors import DemoError
from demo.manifests import Manifests
from demo.scores import Row, Score
from demo.setup import Own
from demo.stage import split_message
from demo.table import StepsTable

WIDE = """\
NAME   MODEL   WANTED   SERVING   READY   REPLICAS   STATUS        AGE   CANDIDATE   STANDBY         MESSAGE
iris   iris    3        2         False   2/2        ProofFailed   63s   <none>      1 until 10:05   iris version 3 was rejected: prediction[0] is NaN
"""  # noqa: E501  # as kubectl prints it


def options(*arguments: str) -> argparse.Namespace:
    return cli.parser().parse_args(arguments)


def test_without_a_model_the_demo_has_its_own() -> None:
    assert cli.own_model(options()) is None
    assert cli.own_model(options("--mlflow-uri=", "--model=", "--versions=")) is None


def test_a_model_of_the_users() -> None:
    said = options("--mlflow-uri=https://mlflow.example", "--model=fraud scores", "--versions=7, 9")
    assert cli.own_model(said) == Own("https://mlflow.example", "fraud scores", ("7", "9"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model=fraud"], "all three"),
        (["--mlflow-uri=http://x", "--model=fraud", "--versions=7"], "two or more"),
        (["--mlflow-uri=http://x", "--model=fraud", "--versions=7,latest"], "two or more"),
        (["--mlflow-uri=http://x", '--model=a"b', "--versions=1,2"], "quotes"),
    ],
)
def test_what_is_missing_of_it_is_said(arguments: list[str], words: str) -> None:
    with pytest.raises(DemoError, match=words):
        cli.own_model(options(*arguments))


def test_the_message_has_a_line_of_its_own() -> None:
    lines, name, message = split_message(WIDE)
    assert name == "MESSAGE"
    assert message == "iris version 3 was rejected: prediction[0] is NaN"
    assert [line.split()[-1] for line in lines] == ["STANDBY", "10:05"]


def test_no_object_has_no_message() -> None:
    assert split_message("") == (["", ""], "", "")


@pytest.mark.parametrize("width", [80, WIDTH])
def test_the_table_fits_its_width_and_puts_rollbacks_apart(width: int) -> None:
    good, bad = Score(0.12, "", 400, 0, 0), Score(14.2, "", 399, 1, 80)
    rows = [
        Row("Edit to version 2, which is good", False, good, good),
        Row("Roll back to 1, resources changed", True, good, bad),
    ]
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(StepsTable(rows))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO from above
    assert max(map(len, lines)) <= width
    for number, row in enumerate(rows, 1):
        assert any(f"{number} {row.title}" in line for line in lines), "a title is on one line"
    header, edit, back, everything = (
        next(line for line in lines if re.match(pattern, line)) for pattern in (" step", " 1", " 2", " all")
    )
    assert header.split()[1:] == ["serves", "back", "sent", "lost", "wrong"] * 2
    assert edit.split()[-8:] == ["0.12", "400", "0", "0"] * 2
    assert back.split()[-8:] == ["0.12", "400", "0", "0", "14.20", "399", "1", "80"]
    assert everything.split()[-6:] == ["800", "0", "0", "799", "1", "80"]
    assert header.index("serves") < edit.index("0.12") <= header.index("back") < back.index("0.12") + 4


def test_what_is_shown_from_record_on_is_in_the_picture(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=80)
    display = Display(console)
    display.line("before")
    display.record()
    display.line("[bold] is no markup here")
    display.save(tmp_path / "demo.svg", "make demo")
    assert "[bold]" in console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO from above
    picture = (tmp_path / "demo.svg").read_text()
    assert "markup" in picture
    assert "before" not in picture


def test_credentials_are_those_of_mlflows_client() -> None:
    found = credentials.found(
        {"MLFLOW_TRACKING_USERNAME": "ana", "MLFLOW_TRACKING_PASSWORD": "p", "HOME": "/"}
    )
    assert found == {"username": "ana", "password": "p"}
    ours, plain = credentials.secrets(found)
    assert (ours["type"], ours["stringData"]) == ("pintle.dev/registry-credentials", found)
    assert plain["stringData"] == {"MLFLOW_TRACKING_USERNAME": "ana", "MLFLOW_TRACKING_PASSWORD": "p"}
    assert credentials.found({"MLFLOW_TRACKING_TOKEN": ""}) == {}


def test_another_cluster_needs_a_registry_for_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTBED", "current")
    monkeypatch.delenv("IMAGE_REGISTRY", raising=False)
    with pytest.raises(DemoError, match="make images push"):
        setup.manifests()
    monkeypatch.setenv("IMAGE_REGISTRY", "registry.example.com/pintle/")
    assert setup.manifests() == Manifests("registry.example.com/pintle")


def test_a_script_keeps_its_own_dollars() -> None:
    assert "server=$!" in Manifests().render("mlflow.yaml")
