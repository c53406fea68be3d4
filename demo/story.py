"""The story, in order."""

from demo.registries import DemoRegistry, Registry
from demo.stage import Stage
from demo.steps import changes, outage, rejection


def tell(stage: Stage, registry: Registry) -> None:
    """The demo's own model: version 3 is broken; or the user's: versions as they are."""
    if isinstance(registry, DemoRegistry):
        _tell_of_three(stage, registry)
    else:
        _tell_of_own(stage, list(registry.versions))


def _tell_of_three(stage: Stage, registry: DemoRegistry) -> None:
    first, second, broken = registry.versions
    changes.go_live(stage)
    changes.edit(stage, second)
    changes.edit_to_broken(stage, broken)
    changes.edit_back(stage, second)
    changes.roll_back(stage, first)
    changes.more_memory(stage)
    changes.roll_back_in_another_shape(stage, second)
    outage.stop_registry(stage, registry)
    outage.back_without_registry(stage, registry, first)
    rejection.reject(stage, second)


def _tell_of_own(stage: Stage, versions: list[str]) -> None:
    changes.go_live(stage)
    served = [versions[0]]
    for version in versions[1:]:
        if changes.edit(stage, version, may_be_refused=True):
            served.append(version)
        else:
            changes.edit_back(stage, served[-1])
    if len(served) > 1:
        before, last = served[-2], served[-1]
        changes.roll_back(stage, before)
        changes.more_memory(stage)
        changes.roll_back_in_another_shape(stage, last)
        rejection.reject(stage, before)
