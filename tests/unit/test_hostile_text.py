"""What tenants, models and registries write is told in words that can be read, and that steer no terminal."""

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from pintle import history
from pintle.conditions import MESSAGE_SHOWN, Condition, Reason, Type, render
from pintle.domain import Observed
from pintle_runtime import log as runtime_log
from tests.support.builders import deployment, identity
from tests.support.hostile_text import HOSTILE_TEXT
from tests.support.log_stream import stream

__all__ = ["stream"]

NOW = datetime(2026, 11, 26, tzinfo=UTC)

hostile = pytest.mark.parametrize("text", HOSTILE_TEXT.values(), ids=HOSTILE_TEXT)


def readable(text: str) -> bool:
    """Whether every character is one that is seen."""
    return text.isprintable()


@hostile
def test_conditions(text: str) -> None:
    condition = Condition(Type.READY, False, Reason.LOAD_FAILED, f"iris version 7: {text} <b>html</b>")
    assert not readable(condition.message), "the control: as a model wrote it"
    (rendered,) = render([condition], [], generation=1, now=NOW)
    assert readable(rendered["message"])
    assert rendered["message"].startswith("iris version 7: ")
    assert rendered["message"].endswith(" <b>html</b>")


def test_a_megabyte_in_a_condition() -> None:
    condition = Condition(Type.READY, False, Reason.LOAD_FAILED, "ü" * 1024 * 1024)
    (rendered,) = render([condition], [], generation=1, now=NOW)
    assert len(rendered["message"]) == MESSAGE_SHOWN


@hostile
def test_causes_in_the_history(text: str) -> None:
    """Whoever may annotate the object, or build the model, writes them."""
    annotations = {"kubernetes.io/change-cause": f"because {text} of it" + "x" * 300_000}
    assert not readable(annotations["kubernetes.io/change-cause"])
    seen = Observed(deployment(annotations), (), {}, (), None, None, {}, None, (), None)
    told = history.cause(seen, identity())
    assert readable(told)
    assert told.startswith("because ")
    assert len(told) <= MESSAGE_SHOWN


@hostile
def test_the_operators_log(text: str, stream: io.StringIO) -> None:
    logging.getLogger("pintle.test").info("iris says %s", text, extra={"key": f"ml/{text}"})
    line, end = stream.getvalue()[:-1], stream.getvalue()[-1]
    assert (readable(line), end) == (True, "\n")
    # The control: nothing of it is lost to who reads the JSON.
    assert (json.loads(line)["message"], json.loads(line)["key"]) == (f"iris says {text}", f"ml/{text}")


@hostile
def test_the_runtimes_log(text: str) -> None:
    record = logging.makeLogRecord({"msg": "the artifact has %s", "args": (text,), "fields": {"path": text}})
    line = runtime_log.JsonFormatter().format(record)
    assert readable(line)
    assert (json.loads(line)["event"], json.loads(line)["path"]) == (f"the artifact has {text}".strip(), text)


def test_credentials_in_a_field_of_the_runtimes_log() -> None:
    """An artifact's URI is the registry's to write, and goes into the log as it is."""
    uri = "https://user:planted@store.example/artifacts"
    record = logging.makeLogRecord({"msg": "fetching", "fields": {"artifact": uri, "at": "https://store"}})
    entry = json.loads(runtime_log.JsonFormatter().format(record))
    assert entry["artifact"] == "https://***@store.example/artifacts"
    # The control: what is no credential stays.
    assert entry["at"] == "https://store"
