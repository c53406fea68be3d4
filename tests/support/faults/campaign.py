"""A workload under faults: a clean run says what is written, then each write goes wrong once, in each way.

Every run has an object of its own, so that one operator and one cluster serve them all, and so that what is
at rest is seen to stay at rest while the operator is killed over others.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from typing_extensions import override

from pintle.domain.resources import SERVICES
from pintle.naming import LABEL_REVISION
from tests.support.audit import Request
from tests.support.faults import oracles
from tests.support.faults.lane import CONVERGES_WITHIN, QUIET_SECONDS, Lane
from tests.support.faults.points import Point, about, named, pattern, points_of
from tests.support.faults.rules import KILLS, WRITES, Effect, Rule
from tests.support.faults.workloads import Workload, at_rest
from tests.support.waiting import until
from tests.support.witness import Seen, Subject

CLEAN_RUNS = 5
# So many changes at once are done within seconds on two cores; of many more, each would wait for the others.
AT_ONCE = 40
# So long a rule is waited for that may strike after the end state is there: an Event, a status with counts.
LATE_SECONDS = 8.0


@dataclass(frozen=True)
class Clean:
    """What runs without a fault came to, all of them."""

    state: dict[str, Any]
    made: Counter[str]
    audited: Counter[str]
    served: list[str]
    points: tuple[Point, ...]

    @property
    def writes(self) -> tuple[Point, ...]:
        """The points that change something."""
        return tuple(point for point in self.points if point.verb in WRITES)


@dataclass
class Outcome:
    """What came of the points of a workload. `wrong` says of each that did not survive what was otherwise."""

    workload: str
    requests: int = 0
    struck: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    @override
    def __str__(self) -> str:
        survived = self.struck - len(self.wrong)
        wrong = "".join(f"\n  {what}: {'; '.join(found)[:600]}" for what, found in self.wrong.items())
        late = f", {len(self.missed)} not reached" if self.missed else ""
        told = f"{survived} of {self.struck} points survived{late}{wrong}"
        return f"{self.workload}: {self.requests} requests, {told}"


@dataclass
class _Run:
    subject: Subject
    what: str
    rule: Rule
    reached: float = 0.0
    trouble: str = ""


class Campaign:
    """One workload in one lane. A rule strikes so many `times` in a row."""

    def __init__(self, lane: Lane, workload: Workload, times: int = 1) -> None:
        self._times = times
        self._lane = lane
        self._workload = workload
        self._mark = lane.bench.audit.mark()

    def clean(self, runs: int = CLEAN_RUNS) -> Clean:
        """Run the workload a few times at once, and see that all come to the same."""
        subjects = self._prepared(runs)
        before = len(self._lane.proxy.journal)
        for subject in subjects:
            self._workload.act(self._lane, subject)
        for subject in subjects:
            until(
                lambda subject=subject: at_rest(self._lane, subject, self._workload.ends),  # type: ignore[misc]
                within=CONVERGES_WITHIN,
                what=f"{self._workload.name} of {subject.name} ends",
                now=lambda subject=subject: f"{self._lane.status(subject)}\n{self._lane.tail()}",  # type: ignore[misc]
            )
        self._lane.silence(subjects)
        self._await_alike(subjects)
        audited = self._audited(subjects)
        found = [self._seen(subject, audited[subject], before) for subject in subjects]
        for other in found[1:]:
            assert other.audited == found[0].audited
            assert other.made == found[0].made or not self._workload.exact
        common = [p for p in found[0].points if all(p in other.points for other in found)]
        return Clean(found[0].state, found[0].made, found[0].audited, found[0].served, tuple(common))

    def _await_alike(self, subjects: Sequence[Subject]) -> None:
        """Pods of before may still be on their way out when the operator is done."""

        def differences() -> list[str]:
            first, *others = (oracles.end_state(self._lane.bench.witness, subject) for subject in subjects)
            return [place for other in others for place in oracles.difference(other, first)]

        until(
            lambda: not differences(),
            within=CONVERGES_WITHIN,
            what=f"{len(subjects)} runs of {self._workload.name} come to the same",
            now=differences,
        )

    def run(self, clean: Clean, points: Sequence[Point], effects: Iterable[Effect]) -> Outcome:
        """Run the workload once for each point and effect."""
        outcome = Outcome(self._workload.name, len(points))
        wanted = [(point, effect) for effect in effects for point in points]
        subjects = self._prepared(len(wanted))
        runs = [
            _Run(subject, f"{point}, {effect}", point.rule(effect, subject, self._often(effect)))
            for (point, effect), subject in zip(wanted, subjects, strict=True)
        ]
        together = [run for run in runs if run.rule.effect not in KILLS]
        batches = [together[start : start + AT_ONCE] for start in range(0, len(together), AT_ONCE)]
        for batch in (*batches, *([run] for run in runs if run.rule.effect in KILLS)):
            self._together(batch, clean)
        self._lane.silence(subjects)
        struck = {rule for rule, _ in self._lane.proxy.struck}
        audited = self._audited(subjects)
        for run in runs:
            if run.rule not in struck:
                outcome.missed.append(run.what)
                continue
            outcome.struck += 1
            if wrong := self._judged(run, clean, audited[run.subject]):
                outcome.wrong[f"{run.what} ({run.subject.name})"] = wrong
        return outcome

    def _often(self, effect: Effect) -> int:
        """How often in a row a request is struck. What is refused is tried again after half a minute only."""
        return 1 if effect is Effect.INVALID else self._times

    def _prepared(self, count: int) -> list[Subject]:
        """Subjects for which all is done that comes before the workload."""
        subjects = [self._lane.subject() for _ in range(count)]
        for act in self._workload.before:
            for subject in subjects:
                act(self._lane, subject)
            for subject in subjects:
                self._lane.becomes(subject, "Serving")
        if self._workload.before:
            self._lane.silence(subjects)
        return subjects

    def _together(self, runs: Sequence[_Run], clean: Clean) -> None:
        self._lane.proxy.arm(*(run.rule for run in runs))
        for run in runs:
            self._act(run)
        began = time.time()
        for run in runs:
            try:
                self._lane.reaches(run.subject, clean.state, deadline=partial(self._deadline, run, began))
            except AssertionError as error:
                run.trouble = run.trouble or str(error)
            run.reached = time.time()
        self._await_strikes(runs)
        self._lane.proxy.disarm()

    def _deadline(self, run: _Run, began: float) -> float:
        """When a run should have converged: counted from the end of its fault, however late that strikes."""
        ended = [e.ended or time.time() for rule, e in self._lane.proxy.struck if rule == run.rule]
        return max([began, *ended]) + CONVERGES_WITHIN

    def _act(self, run: _Run) -> None:
        try:
            self._workload.act(self._lane, run.subject)
        except AssertionError as error:
            run.trouble = str(error)

    def _await_strikes(self, runs: Sequence[_Run]) -> None:
        """Wait for what comes after the end state: an Event, a status. What never comes is not waited for."""
        end = time.monotonic() + LATE_SECONDS
        wanted = {run.rule for run in runs}
        until(
            lambda: wanted <= {rule for rule, _ in self._lane.proxy.struck} or time.monotonic() > end,
            within=2 * LATE_SECONDS,
            what="rules strike",
        )

    def _judged(self, run: _Run, clean: Clean, audited: list[Request]) -> list[str]:
        """What is otherwise than in a clean run, or wrong by itself."""
        witness, subject = self._lane.bench.witness, run.subject
        seen = self._seen(subject, audited, 0)
        found = [run.trouble] if run.trouble else []
        found += oracles.difference(seen.state, clean.state)
        if self._workload.exact:
            found += oracles.difference(dict(seen.made), dict(clean.made), "made and gone")
        found += oracles.difference(dict(seen.audited), dict(clean.audited), "audited")
        found += oracles.difference(seen.served, clean.served, "served")
        found += [f"an orphan: {name}" for name in oracles.orphans(witness, subject)]
        found += oracles.broken_promises(witness.history(subject))
        # Events are written one after the other: one that hangs delays those of others.
        writes = (r for r in audited if r.is_write and r.resource != "events")
        late = [r for r in writes if r.began > run.reached + QUIET_SECONDS]
        found += [f"written at rest: {r.verb} {r.resource} {r.name}" for r in late]
        return found

    def _seen(self, subject: Subject, audited: list[Request], before: int) -> Clean:
        witness = self._lane.bench.witness
        history = witness.history(subject)
        targets = [e.target for e in self._lane.proxy.journal[before:] if about(e.target, {subject.name})]
        return Clean(
            oracles.end_state(witness, subject),
            oracles.made_and_gone(history, subject),
            Counter(
                f"{r.verb} {r.resource} {pattern(r.name, subject)}"
                for r in audited
                if r.verb in ("create", "delete") and r.code < 300 and r.resource != "events"
            ),
            _served(history),
            points_of(targets, subject),
        )

    def _audited(self, subjects: Sequence[Subject]) -> dict[Subject, list[Request]]:
        """The operator's own requests by subject, from the audit log."""
        by_name: dict[str, list[Request]] = {subject.name: [] for subject in subjects}
        for request in self._lane.bench.audit.since(self._mark, self._lane.namespace).requests:
            if (name := named(request.name)) in by_name:
                by_name[name].append(request)
        return {subject: by_name[subject.name] for subject in subjects}


def _served(history: Iterable[Seen]) -> list[str]:
    """Who had the Service's selector, in order."""
    served: list[str] = []
    for seen in history:
        if seen.resource == SERVICES and seen.type != "DELETED":
            revision = str(seen.object["spec"]["selector"].get(LABEL_REVISION, ""))
            version = revision.rsplit("-", 2)[1]
            if served[-1:] != [version]:
                served.append(version)
    return served
