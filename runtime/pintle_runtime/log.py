"""One JSON object a line on stdout, for our own events and for what libraries log."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

from typing_extensions import override

_USER_INFO = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_logger = logging.getLogger("pintle")
_concealed: tuple[str, ...] = ()
SHORTEST = 4


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "logger", "event", ...fields}`; an exception's traceback is in `traceback`."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage().strip(),
        }
        entry.update(getattr(record, "fields", {}))
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return without_credentials(json.dumps(entry, default=str))


def configure() -> None:
    """Route everything through one handler; called once, by the command line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)


def info(event: str, **fields: object) -> None:
    _logger.info(event, extra={"fields": fields})


def warning(event: str, **fields: object) -> None:
    _logger.warning(event, extra={"fields": fields})


def error(event: str, *, exc_info: bool = False, **fields: object) -> None:
    _logger.error(event, exc_info=exc_info, extra={"fields": fields})


def conceal(*values: str | None) -> None:
    """Have these values replaced in all that is logged and reported from now on, instead of those of before.

    A registry knows the credentials that it is sent, and may repeat them where its words are told. Values of
    three characters and less are no secrets, and would be found everywhere.
    """
    global _concealed  # noqa: PLW0603  # a process has one log
    forms = {form for value in values if value and len(value) >= SHORTEST for form in _forms(value)}
    _concealed = tuple(sorted(forms, key=len, reverse=True))


def without_credentials(text: str) -> str:
    """Replace what is concealed, and `user:password` in every URL of `text`."""
    for form in _concealed:
        text = text.replace(form, "***")
    return _USER_INFO.sub("***", text)


def _forms(value: str) -> set[str]:
    """A value as it is, as Python shows it in a message, and either as it is written in JSON."""
    said = {value, repr(value)[1:-1]}
    return said | {
        json.dumps(each, ensure_ascii=ascii_only)[1:-1] for each in said for ascii_only in (True, False)
    }
