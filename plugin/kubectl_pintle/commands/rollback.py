"""`kubectl pintle rollback NAME [--to VERSION]`."""

from collections.abc import Sequence

from kubectl_pintle import overview, ownership, rejection, rollback
from kubectl_pintle.commands import reject
from kubectl_pintle.commands.context import NO, OK, Context
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.following import follow
from kubectl_pintle.names import LAST_APPLIED
from kubectl_pintle.progress import Took, ready, took
from kubectl_pintle.records import Record
from kubectl_pintle.rejection import Rejecting
from kubectl_pintle.rollback import HandedOver, Refused, Target
from kubectl_pintle.text import to_json


def run(context: Context) -> int:
    """Declare the version before, and wait until it serves; where another owns spec, say what to do."""
    args = context.args
    deployment = context.deployment(args.name)
    records = context.known_records(deployment)
    target = rollback.choose(deployment, records, args.to)
    change = rollback.edit(deployment, target)
    if args.reject:
        return reject.carry_out(context, deployment, _instead(deployment, records, target))
    if change is None:
        context.tell(f"{deployment.full} declares version {target.version} already ({target.why})")
        return OK if args.dry_run else _wait(context, deployment)
    owner = ownership.owner(deployment.body)
    if owner and not args.force:
        handed = HandedOver(deployment, change, owner, *_offer(deployment, records, target))
        context.screen.print(to_json(handed.data()) if context.as_json else handed.lines())
        return NO
    dry = ", dry run" if args.dry_run else ""
    context.tell(f"{deployment.full}: {rollback.in_words(change)}{dry} ({target.why})")
    for remark in _remarks(deployment):
        context.tell(remark)
    changed = context.write(deployment, rollback.patch(deployment, change))
    return OK if args.dry_run else _wait(context, changed, edited=True)


def _remarks(deployment: ModelDeployment) -> list[str]:
    """What somebody has to know who comes back to this later."""
    remarks = []
    if deployment.alias:
        remarks.append(f"alias {deployment.alias} is held; remove spec.version to follow it again")
    if LAST_APPLIED in (deployment.body["metadata"].get("annotations") or {}):
        remarks.append("it was made by kubectl apply: change that file too, or the next apply undoes this")
    return remarks


def _wait(context: Context, deployment: ModelDeployment, *, edited: bool = False) -> int:
    timeout = context.args.timeout
    end = follow(context.kubectl, context.screen, deployment, ready, timeout)
    spent = took(deployment, end.deployment) if edited else Took()
    if context.as_json:
        times = {"movedSeconds": spent.moved, "wholeSeconds": spent.whole, "timedOut": end.timed_out}
        context.screen.print(to_json({"action": "edited", **overview.summary(end.deployment), **times}))
        return OK if end.done else NO
    lines = [overview.headline(end.deployment) + end.late(timeout)]
    if end.done and spent.in_words():
        lines.append(spent.in_words())
    context.screen.print(lines)
    return OK if end.done else NO


def _instead(deployment: ModelDeployment, records: Sequence[Record], target: Target) -> Rejecting:
    """The rejection that has the effect of this rollback.

    Raises:
        Refused: there is none; another version would take the traffic.
    """
    if deployment.serving and deployment.serving.version == target.version:
        return rejection.choose(deployment, records, f"version/{deployment.declared}")
    chosen = rejection.choose(deployment, records, None)
    if chosen.successor and chosen.successor.version != target.version:
        raise Refused(
            f"rejecting what serves would give the traffic to version {chosen.successor.version}, "
            f"and not to version {target.version}"
        )
    return chosen


def _offer(deployment: ModelDeployment, records: Sequence[Record], target: Target) -> tuple[str | None, str]:
    """The command that works at once, leaving spec alone; or None, and why there is none."""
    try:
        value = _instead(deployment, records, target).value
    except Refused as error:
        return None, str(error)
    return f"kubectl pintle reject {deployment.name} {value} -n {deployment.namespace}", ""
