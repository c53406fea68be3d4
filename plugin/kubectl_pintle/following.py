"""Waits for an object until a judge is content, with a deadline and a live line."""

import time
from dataclasses import dataclass
from datetime import timedelta

from kubectl_pintle import deployment as deployments
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.kubectl import Kubectl, WatchEnded
from kubectl_pintle.progress import Judge, Outcome, Verdict
from kubectl_pintle.screen import Screen, now
from kubectl_pintle.text import duration

_TICK_SECONDS = 1.0
_GONE = Verdict(Outcome.FAILED, "it was deleted")


@dataclass(frozen=True, slots=True)
class End:
    """How waiting ended: `timed_out`, or by the verdict."""

    deployment: ModelDeployment
    verdict: Verdict
    timed_out: bool = False

    @property
    def done(self) -> bool:
        """Whether what was waited for is there."""
        return self.verdict.outcome is Outcome.DONE

    def late(self, timeout: timedelta) -> str:
        """What to add to words about it where the time was over, else ""."""
        return f" (not within {duration(timeout.total_seconds())})" if self.timed_out else ""


def follow(kubectl: Kubectl, screen: Screen, first: ModelDeployment, judge: Judge, timeout: timedelta) -> End:
    """Watch until the judge has made up its mind, or the time is over. A broken watch is begun again."""
    began, current = now(), first
    verdict = judge(current)
    while verdict.outcome is Outcome.GOES_ON:
        with kubectl.watch(first.name, first.namespace) as watch:
            while verdict.outcome is Outcome.GOES_ON:
                elapsed = now() - began
                if elapsed >= timeout:
                    return End(current, verdict, timed_out=True)
                screen.progress(verdict.words, elapsed)
                try:
                    event = watch.event(min(_TICK_SECONDS, (timeout - elapsed).total_seconds()))
                except WatchEnded as ended:
                    verdict = _after(ended, verdict)
                    break
                if event is not None:
                    current = deployments.parse(event["object"])
                    gone = event["type"] == "DELETED" or current.uid != first.uid
                    verdict = _GONE if gone else judge(current)
    return End(current, verdict)


def _after(ended: WatchEnded, verdict: Verdict) -> Verdict:
    """What a watch that ended means: the object is gone, or the cluster does not answer just now."""
    if "(NotFound)" in str(ended):
        return _GONE
    if not str(ended):
        return verdict  # as all watches end after a while
    time.sleep(_TICK_SECONDS)
    return Verdict(verdict.outcome, str(ended).splitlines()[-1])
