"""The log: one JSON object a line, on standard output.

Fields beside the message come from `extra`: `key` (namespace/name), `revision`, `generation`, `object`; and
from a mapping `fields` there, which may hold names that `logging` has taken (`name`), and values of None.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
from typing_extensions import override

# What every record has; all else on a record came from `extra`.
_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

# Loggers that say more than a reader of an operator's log wants to know, and from which level they count.
_QUIETER = {
    "kopf.objects": logging.WARNING,
    # "OS signals are ignored", each time: its loop is not the main one, and not meant to be.
    "kopf._core.reactor.running": logging.ERROR,
    "kopf.activities.authentication": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "asyncio": logging.WARNING,
}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON, all of it visible: it is read in terminals, and holds others' words."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {
            name: value for name, value in record.__dict__.items() if name not in _OWN and value is not None
        }
        line |= line.pop("fields", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        try:
            return _visible(orjson.dumps(line, default=str).decode())
        except TypeError:  # a huge number, or half of a surrogate pair in somebody's text
            return json.dumps(line, default=str)


def _visible(line: str) -> str:
    """Escape what a terminal would act on instead of showing it; JSON itself asks that of a few only."""
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def configure(level: str, stream: TextIO | None = None) -> None:
    """Have everything that is logged from `level` on written to a stream, standard output by default."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIETER.items():
        logging.getLogger(name).setLevel(max(least, root.level))
