"""The generator's JSON lines, read."""

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

Outcome = Literal["ok", "wrong", "lost"]


class Request(NamedTuple):
    """One request. `began` and `done` are seconds since 1970; of one without an answer `version` is empty."""

    target: str
    began: float
    done: float
    outcome: Outcome
    version: str
    revision: str
    status: int
    detail: str


class Log:
    """What was read so far. A follower that was cut off begins again: lines may come twice, none may lack."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.live: dict[str, float] = {}
        self.connections: list[tuple[str, float]] = []  # target, when; of targets that keep theirs
        self.skipped: dict[str, int] = {}
        self.sent: dict[str, int] = {}
        self.ended = False
        self._next = 0

    def feed(self, line: str) -> bool:
        """Take a line; False if it is not the next one (seen before, cut in two, or not the generator's)."""
        try:
            fields: dict[str, Any] = json.loads(line)
            number = fields["seq"]
        except (ValueError, KeyError, TypeError):
            return False
        if number != self._next:
            return False
        self._next += 1
        self._take(fields)
        return True

    def _take(self, fields: dict[str, Any]) -> None:
        match fields["kind"]:
            case "answers":
                self.requests.extend(_answers(fields))
            case "lost" | "wrong" as outcome:
                self.requests.append(_other(fields, outcome))
            case "live":
                self.live[fields["target"]] = fields["at"]
            case "connected":
                self.connections.append((fields["target"], fields["at"]))
            case "end":
                self.ended, self.sent, self.skipped = True, fields["sent"], fields["skipped"]
            case _:
                pass  # `start`


def _answers(fields: dict[str, Any]) -> Iterator[Request]:
    target, version, revision = fields["target"], fields["version"], fields["revision"]
    for offset, took in zip(fields["began"], fields["took"], strict=True):
        began = fields["at"] + offset / 1e6
        yield Request(target, began, began + took / 1e6, "ok", version, revision, 200, "")


def _other(fields: dict[str, Any], outcome: Outcome) -> Request:
    return Request(
        fields["target"],
        fields["began"],
        fields["done"],
        outcome,
        fields["version"],
        fields["revision"],
        fields["status"],
        fields["detail"],
    )
