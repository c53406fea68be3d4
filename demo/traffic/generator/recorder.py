"""The record of a run, as JSON lines on standard output, in the order in which requests ended.

    {"seq", "kind": "start", "at"}
    {"seq", "kind": "live", "target", "at"}           the first 200 of a target: from here on all is counted
    {"seq", "kind": "connected", "target", "at"}      a connection was opened that is kept
    {"seq", "kind": "answers", "target", "version", "revision", "at", "began": [...], "took": [...]}
    {"seq", "kind": "lost" | "wrong", "target", "version", "revision", "began", "done", "status", "detail"}
    {"seq", "kind": "end", "at", "sent": {target: n}, "skipped": {target: n}}

`answers` holds the ok answers of a tenth of a second: `began` and `took` are microseconds, `began` from `at`.
All other times are seconds since 1970 by this machine's clock. `began` is the moment before the connection is
opened (or, on an open one, before the request is written): it is then that kube-proxy picks a pod. `seq`
counts lines, so that a reader knows that it has all of them.
"""

import json
from collections import Counter
from typing import IO, Any

from .judge import Outcome

FLUSH_SECONDS = 0.1


class Recorder:
    """Collects and writes; whoever owns it calls `flush` every FLUSH_SECONDS."""

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self._seq = 0
        self._answers: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
        self._sent: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()

    def start(self, at: float) -> None:
        self._write("start", at=at)

    def live(self, target: str, at: float) -> None:
        self._write("live", target=target, at=at)

    def connected(self, target: str, at: float) -> None:
        """A connection was opened that will be kept."""
        self._write("connected", target=target, at=round(at, 6))

    def skip(self, target: str) -> None:
        """A request that was due and not sent, as too many had no answer yet."""
        self._skipped[target] += 1

    def add(
        self,
        target: str,
        began: float,
        done: float,
        outcome: Outcome,
        *,
        version: str = "",
        revision: str = "",
        status: int = 0,
        detail: str = "",
    ) -> None:
        self._sent[target] += 1
        if outcome == "ok":
            self._answers.setdefault((target, version, revision), []).append((began, done))
            return
        self._write(
            outcome,
            target=target,
            version=version,
            revision=revision,
            began=round(began, 6),
            done=round(done, 6),
            status=status,
            detail=detail,
        )

    def flush(self) -> None:
        for (target, version, revision), times in self._answers.items():
            at = min(began for began, _ in times)
            self._write(
                "answers",
                target=target,
                version=version,
                revision=revision,
                at=round(at, 6),
                began=[round((began - at) * 1e6) for began, _ in times],
                took=[round((done - began) * 1e6) for began, done in times],
            )
        self._answers.clear()
        self._output.flush()

    def end(self, at: float) -> None:
        self.flush()
        self._write("end", at=at, sent=dict(self._sent), skipped=dict(self._skipped))
        self._output.flush()

    def _write(self, kind: str, **fields: Any) -> None:  # noqa: ANN401  # what JSON can hold
        self._output.write(
            json.dumps({"seq": self._seq, "kind": kind, **fields}, separators=(",", ":")) + "\n"
        )
        self._seq += 1
