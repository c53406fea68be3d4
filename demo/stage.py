"""What every step of the story stands on: both sides, the traffic to them, and the step under way."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from demo.conclusions import expect
from demo.display import Display
from demo.errors import StepFailed
from demo.kube import Json, Kube
from demo.scores import Move, Row, Score, score
from demo.sides import PintleSide, PlainSide, Side, State, Wanted
from demo.traffic import Declared, Request, Traffic, answers_by

POLL_SECONDS = 0.1
TIMEOUT = 300.0
PLAIN_TIMEOUT = 120.0  # then the story goes on without waiting for the plain Deployment
LINGER_SECONDS = 1.5  # the traffic that a step is judged by goes on for so long after it


@dataclass
class Step:
    """A step of the story; `moves` holds what each side was to do, by its target's name."""

    title: str
    rollback: bool
    moves: dict[str, Move]


@dataclass
class Stage:
    """One telling of the story."""

    kube: Kube
    display: Display
    traffic: Traffic
    pintle: PintleSide
    plain: PlainSide
    wanted: Wanted
    began: float  # when the demo was started, seconds since 1970
    steps: list[Step] = field(default_factory=list)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.pintle, self.plain

    @contextmanager
    def step(self, title: str, about: str, *, rollback: bool = False) -> Iterator[Step]:
        """A step, with a sentence about it; when it has ended, what it cost both sides is shown."""
        self.display.heading(f"{len(self.steps) + 1}  {title}")
        self.display.line(about, "dim")
        still = Move(time.time(), self.wanted.version, note="-")
        step = Step(title, rollback, {side.target: still for side in self.sides})
        self.steps.append(step)
        yield step
        self.linger(LINGER_SECONDS)
        self.show_state()
        self._show_scores(step)

    def declare(self, wanted: Wanted) -> None:
        """Change both manifests to this. Until it serves, what served before may answer too."""
        before = {"pintle": self.pintle.state().serving, "plain": self.wanted.version}
        self.wanted = wanted
        for side in self.sides:
            edited = self.kube.apply(side.documents(wanted))
            self.moves(side, edited, before[side.target], wanted.version)

    def moves(self, side: Side, edited: float, before: str, version: str) -> None:
        """Take down that a side was told at `edited` to go from one version to another."""
        self.steps[-1].moves[side.target] = Move(edited, version)
        self.allow(side, edited, before, version)

    def allow(self, side: Side, at: float, *versions: str) -> None:
        if side.allowed is None:
            side.allowed = Declared(at, versions)
        else:
            side.allowed.allow(at, versions)

    def settle(self) -> None:
        """Wait until both sides say that what is wanted serves; the plain one is given up after a time.

        Raises:
            StepFailed: Pintle does not say so in time.
        """
        self.settle_pintle()
        self.settle_plain()

    def settle_pintle(self) -> None:
        """From then on, nothing but what is wanted may answer: that is what Ready promises."""
        wanted = self.wanted
        self.wait(lambda: self.pintle.arrived(wanted), f"Pintle: version {wanted.version}")
        self.allow(self.pintle, time.time(), wanted.version)

    def settle_plain(self, timeout: float = PLAIN_TIMEOUT) -> None:
        """Pods of before may still be ending, and answer: nothing is held against that."""
        wanted = self.wanted
        try:
            what = f"Plain Deployment: version {wanted.version}"
            self.wait(lambda: self.plain.arrived(wanted), what, timeout)
        except StepFailed:
            self.note(self.plain, f"> {timeout:.0f} s")

    def keep_pintle(self, version: str, refused: str) -> None:
        """Pintle refused what was declared and keeps `version`; the refused one may not have answered."""
        moves, target = self.steps[-1].moves, self.pintle.target
        moves[target] = replace(moves[target], version=version, note="refused")
        self.allow(self.pintle, time.time(), version)
        own = self.traffic.requests(target)
        answers = answers_by(own, version=refused, since=moves[target].since)
        expect(not answers, f"{len(answers)} requests were answered by version {refused}, which was refused")

    def by_revision(self, side: Side) -> None:
        """Measure this step by the shape of the pods: the version stays."""
        step = self.steps[-1]
        move = step.moves[side.target]
        step.moves[side.target] = replace(move, revision=side.revision(self.wanted))

    def note(self, side: Side, note: str) -> None:
        step = self.steps[-1]
        step.moves[side.target] = replace(step.moves[side.target], note=note)

    def await_pintle(self, condition: Callable[[State], bool], what: str, timeout: float = TIMEOUT) -> State:
        """Wait for a state of the ModelDeployment."""
        found = self.pintle.state()

        def holds() -> bool:
            nonlocal found
            found = self.pintle.state()
            return condition(found)

        self.wait(holds, what, timeout)
        return found

    def wait(self, condition: Callable[[], bool], what: str, timeout: float = TIMEOUT) -> None:
        """Wait for a condition, with a live line.

        Raises:
            StepFailed: it did not come about in time.
        """
        deadline = time.monotonic() + timeout
        with self.display.waiting(what) as tick:
            while not condition():
                if time.monotonic() > deadline:
                    raise StepFailed(f"{self.steps[-1].title}: not within {timeout:.0f} s: {what}")
                tick()
                time.sleep(POLL_SECONDS)

    def pods(self, selector: str) -> list[Json]:
        """Pods of the demo by label, but for those that are ending."""
        query = urlencode({"labelSelector": selector})
        found = self.kube.get(f"/api/v1/namespaces/demo/pods?{query}") or {}
        pods: list[Json] = found.get("items", [])
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def linger(self, seconds: float) -> None:
        """Let the traffic go on."""
        until = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= until, "Watching the traffic")

    def show_state(self) -> None:
        """`kubectl get mdep -o wide`, with its last column, the message, on a line of its own."""
        head, _, message = split_message(self.kube.run("get", "mdep", "--namespace=demo", "--output=wide"))
        for line in head:
            self.display.line(line)
        self.display.line(message, "italic")

    def show_first_prediction(self) -> None:
        first = self.traffic.wait_live(self.pintle.target, timeout=10)
        self.display.line(f"The first prediction came {first - self.began:.0f} s after the start.", "bold")

    def rows(self) -> list[Row]:
        """The figures of all steps so far, each up to the edit that begins the next."""
        requests = self.traffic.requests()
        return [Row(step.title, step.rollback, *self._scores(step, requests)) for step in self.steps]

    def pulse(self) -> str:
        """Which versions answered in the last second, of each side."""
        now = time.time()
        recent = answers_by(self.traffic.requests()[-400:], since=now - 1.5)
        texts = []
        for side in self.sides:
            versions = sorted({one.version for one in recent if one.target == side.target})
            texts.append(f"{side.title}: {' and '.join(versions) or 'nothing'}")
        return ", ".join(texts)

    def _scores(self, step: Step, requests: list[Request]) -> list[Score]:
        scores = []
        for side in self.sides:
            move, until = step.moves[side.target], self._end(step, side)
            own = [request for request in requests if request.target == side.target]
            scores.append(score(own, move, until, side.allowed or Declared(0, ())))
        return scores

    def _end(self, step: Step, side: Side) -> float:
        following = self.steps[self.steps.index(step) + 1 :]
        return following[0].moves[side.target].since if following else float("inf")

    def _show_scores(self, step: Step) -> None:
        for side, found in zip(self.sides, self._scores(step, self.traffic.requests()), strict=True):
            bad = found.lost or found.wrong
            self.display.line(
                f"{side.title + ':':<18}{found.time():<12}{found.sent:>5} requests,"
                f" {found.lost} lost, {found.wrong} wrong",
                "red" if bad else "green",
            )


def split_message(table: str) -> tuple[list[str], str, str]:
    """A table's lines without the last column, that column's name, and what it holds in the first row."""
    header, row, *_ = [*table.splitlines(), "", ""]
    name = header.split()[-1] if header else ""
    at = header.rindex(name) if name else 0
    return [header[:at].rstrip(), row[:at].rstrip()], name, row[at:].strip()
