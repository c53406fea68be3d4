"""Readings of pods, one round after another -> samples, and what they say. Pure.

A sample grows until it can be judged. Where it passed, the next one begins, so that a revision that goes bad
after an hour is not judged by that hour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pintle.analysis import growth, judge, takes_part, total
from pintle.domain import Comparison, Counters, Outcome, Reading, Subject, Target, Unreadable, Verdict


@dataclass(frozen=True, slots=True)
class Window:
    """What has been read of one subject. `last` is by the uid of a pod; `passed`: a sample has.

    `recent` is what the stable revision answered in the last sample that it took part in: under another
    subject too, as after a switch there is nothing newer to compare with.
    """

    last: Mapping[str, Counters] = field(default_factory=dict)
    candidate: Counters = field(default_factory=Counters)
    stable: Counters = field(default_factory=Counters)
    recent: Counters = field(default_factory=Counters)
    passed: bool = False

    def anew(self, old: Subject, new: Subject) -> "Window":
        """Of another subject, from here on."""
        same = (old.candidate, old.stable) == (new.candidate, new.stable)
        return Window(self.last, recent=self.recent if same else Counters())


def waiting(comparison: Comparison) -> Verdict:
    """What is said before anything has been read."""
    why = f"{comparison.who} is compared with {comparison.whom} from now on"
    return Verdict(comparison.subject.candidate, Outcome.INCONCLUSIVE, why)


def after(window: Window, comparison: Comparison, readings: Mapping[str, Reading]) -> tuple[Window, Verdict]:
    """Add one round of readings, by the uid of a pod. A pod that is read for the first time adds nothing."""
    revision = comparison.subject.candidate
    candidate = total([window.candidate, *_grown(window, comparison.candidates, readings)])
    stable = total([window.stable, *_grown(window, comparison.stables, readings)])
    known = {t.uid for t in (*comparison.candidates, *comparison.stables)}
    counted = {uid: r for uid, r in readings.items() if isinstance(r, Counters)}
    last = {uid: c for uid, c in {**window.last, **counted}.items() if uid in known}
    least = comparison.subject.terms.min_requests
    live = takes_part(stable, candidate) and min(stable.requests, candidate.requests) >= least
    recent = stable if live else window.recent
    now = replace(window, last=last, candidate=candidate, stable=stable, recent=recent)
    for targets in (comparison.candidates, comparison.stables):
        if (unreadable := _unreadable(targets, readings)) is not None:
            return now, Verdict(revision, Outcome.INCONCLUSIVE, unreadable)
    ever = total(last[t.uid] for t in comparison.stables if t.uid in last)
    before = recent if recent.requests >= least else ever
    verdict = judge(comparison, candidate, stable, before)
    if verdict.outcome is Outcome.PASSED:
        return Window(last, recent=recent, passed=True), verdict
    if verdict.outcome is Outcome.INCONCLUSIVE and window.passed:
        few = candidate.requests < least
        return now, Verdict(revision, Outcome.PASSED) if few else verdict
    return now, verdict


def _grown(window: Window, targets: tuple[Target, ...], readings: Mapping[str, Reading]) -> list[Counters]:
    found = []
    for target in targets:
        reading, before = readings.get(target.uid), window.last.get(target.uid)
        if isinstance(reading, Counters) and before is not None:
            found.append(growth(before, reading))
    return found


def _unreadable(targets: tuple[Target, ...], readings: Mapping[str, Reading]) -> str | None:
    """Why nothing is known of one side; None where some of its pods were read."""
    if any(isinstance(readings.get(t.uid), Counters) for t in targets):
        return None
    for target in targets:
        if isinstance(reading := readings.get(target.uid), Unreadable):
            return f"pod {target.name} {reading.why}"
    return "there is no pod to read the numbers of"
