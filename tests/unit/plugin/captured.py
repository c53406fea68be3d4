"""The captured states, parsed."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from kubectl_pintle import deployment, events, pods, records
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.pods import Pod
from kubectl_pintle.records import Record
from tests.support.plugin_states import load


@dataclass(frozen=True)
class State:
    """All that the plugin reads of one ModelDeployment."""

    deployment: ModelDeployment
    records: tuple[Record, ...]
    pods: tuple[Pod, ...]
    events: tuple[events.Event, ...]

    def record(self, version: str) -> Record:
        """The newest record of a version."""
        return next(r for r in self.records if r.version == version)

    @property
    def now(self) -> datetime:
        """A moment after all of it."""
        times = [e.time for e in self.events if e.time]
        return max(times)

    def having(self, **spec: Any) -> ModelDeployment:  # noqa: ANN401 - members of spec
        """The ModelDeployment with another spec; the status is as it was."""
        body = self.deployment.body
        return deployment.parse({**body, "spec": {**body["spec"], **spec}})

    def without(self, *members: str) -> ModelDeployment:
        """The ModelDeployment, without some members of its status."""
        body = self.deployment.body
        return deployment.parse(
            {**body, "status": {k: v for k, v in body["status"].items() if k not in members}}
        )


@cache
def state(name: str) -> State:
    """A captured state."""
    content = load(name)
    read = pods.parse(content["pods"])
    parsed = deployment.parse(content["deployment"])
    told = events.parse(content["events"], about=parsed.uid, pods=[p.name for p in read])
    return State(parsed, records.parse(content["records"], of=parsed.uid), read, told)


def rejecting(shown: State, value: str) -> ModelDeployment:
    """The ModelDeployment with the annotation `reject-revision`."""
    return replace(shown.deployment, rejecting=value)
