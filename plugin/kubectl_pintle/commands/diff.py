"""`kubectl pintle diff NAME [REV1] [REV2]`."""

from collections.abc import Sequence

from kubectl_pintle import difference
from kubectl_pintle.commands.context import NO, OK, Context
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.names import deployment_of
from kubectl_pintle.records import NoSuchRevision, Record, by_name, find
from kubectl_pintle.text import to_json


def run(context: Context) -> int:
    """Show what differs; no, as of `diff`, if something does."""
    name, wanted = subject(context.args.revisions)
    deployment = context.deployment(name)
    one, other = pair(deployment, context.records(deployment), wanted)
    told = to_json(difference.data(one, other)) if context.as_json else difference.lines(one, other)
    context.screen.print(told)
    return NO if difference.changes(one, other) else OK


def subject(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The ModelDeployment and the revisions: a revision's whole name says whose it is."""
    first = arguments[0]
    if name := deployment_of(first):
        return name, arguments
    return first, arguments[1:]


def pair(
    deployment: ModelDeployment, records: Sequence[Record], wanted: Sequence[str]
) -> tuple[Record, Record]:
    """The two records: as asked for; one against what serves; else what the last change changed, or changes.

    Raises:
        NoSuchRevision: one of them is not on record.
    """
    if len(wanted) > 1:
        return find(records, wanted[0]), find(records, wanted[1])
    serving = by_name(records, deployment.serving.revision) if deployment.serving else None
    if serving is None:
        raise NoSuchRevision("nothing serves: say which two revisions to compare")
    if wanted:
        return serving, find(records, wanted[0])
    if deployment.candidate and (candidate := by_name(records, deployment.candidate.revision)):
        return serving, candidate
    served = (e.revision for e in deployment.history if e.promoted and e.revision != serving.name)
    names = [deployment.standby.revision] if deployment.standby else []
    before = next((r for n in [*names, *served] if (r := by_name(records, n))), None)
    if before is None:
        raise NoSuchRevision(
            "nothing else has served, of what is on record: say which two revisions to compare"
        )
    return before, serving
