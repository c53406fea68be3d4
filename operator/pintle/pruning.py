"""Which revisions are kept no longer, and in which order what they consist of goes."""

from collections.abc import Iterator

from pintle.declared import Declared
from pintle.domain import Action, Delete, Observed, Record, Workload
from pintle.domain.resources import CONFIG_MAPS, CONTROLLER_REVISIONS, DEPLOYMENTS
from pintle.roles import Roles
from pintle.switch import Step

# Of revisions that never got traffic this many are kept, for `status.rejected` and a closer look.
KEPT_UNCLEARED = 5


def prune(
    observed: Observed, declared: Declared, current: Roles, step: Step, noted: set[str]
) -> Iterator[Action]:
    """Delete the oldest revisions beyond what is kept: Deployment, ConfigMap, and last the record.

    Not yet those of which something is `noted` in the same pass.
    """
    in_use = (current.serving, current.standby, step.candidate, declared.record)
    needed = noted | {r.name for r in in_use if r}
    spare = [r for r in observed.records if r.name not in needed and not r.deleting]
    spare.sort(key=lambda r: r.number, reverse=True)
    cleared = [r for r in spare if r.cleared][observed.deployment.spec.revision_history_limit :]
    others = [r for r in spare if not r.cleared][KEPT_UNCLEARED:]
    running = {p.revision for p in observed.pods if not p.deleting}
    for record in sorted([*cleared, *others], key=lambda r: r.number):
        existing = observed.workloads.get(record.name)
        if (existing and existing.replicas) or record.name in running:
            continue
        yield from _delete(observed, record, existing)


def _delete(observed: Observed, record: Record, existing: Workload | None) -> Iterator[Action]:
    why = f"prune revision {record.name}"
    copy = observed.copies.get(record.name)
    if existing is not None:
        if not existing.deleting:
            yield Delete(DEPLOYMENTS, record.name, existing.uid, existing.resource_version, why)
    elif copy is not None:
        if not copy.deleting:
            yield Delete(CONFIG_MAPS, record.name, copy.uid, copy.resource_version, why)
    else:
        yield Delete(CONTROLLER_REVISIONS, record.name, record.uid, record.resource_version, why)
