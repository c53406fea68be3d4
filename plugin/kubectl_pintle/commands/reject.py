"""`kubectl pintle reject NAME [REVISION]` and `--clear`."""

from kubectl_pintle import overview, rejection
from kubectl_pintle.commands.context import NO, OK, Context
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.following import follow
from kubectl_pintle.names import ANNOTATION_REJECT
from kubectl_pintle.progress import Took, let_in, taken_out, took
from kubectl_pintle.records import Record
from kubectl_pintle.rejection import Rejecting
from kubectl_pintle.text import to_json


def run(context: Context) -> int:
    """Take a revision out of traffic, or let what was taken out in again."""
    deployment = context.deployment(context.args.name)
    if context.args.clear:
        return _clear(context, deployment)
    chosen = rejection.choose(deployment, context.known_records(deployment), context.args.revision)
    return carry_out(context, deployment, chosen)


def carry_out(context: Context, deployment: ModelDeployment, chosen: Rejecting) -> int:
    """Write the annotation, and wait until the traffic has moved, if it has to."""
    was = f" (was {deployment.rejecting})" if deployment.rejecting else ""
    dry = ", dry run" if context.args.dry_run else ""
    context.tell(f"{deployment.full}: {ANNOTATION_REJECT}: {chosen.value}{was}{dry}; {_effect(chosen)}")
    changed = context.write(deployment, rejection.patch(deployment, chosen.value))
    if context.args.dry_run or not chosen.declared:
        return OK
    end = follow(context.kubectl, context.screen, changed, taken_out(chosen.value), context.args.timeout)
    spent = took(changed, end.deployment) if chosen.moves else Took()
    _tell(context, end.deployment, end.verdict.words, spent)
    return OK if end.done else NO


def _effect(chosen: Rejecting) -> str:
    if chosen.successor is None:
        return "it has no traffic, and will get none"
    version = chosen.successor.version
    how = "which starts its pods first" if isinstance(chosen.successor, Record) else "which stands by"
    return f"version {version}, {how}, takes the traffic"


def _tell(context: Context, deployment: ModelDeployment, words: str, spent: Took) -> None:
    if context.as_json:
        times = {"movedSeconds": spent.moved, "wholeSeconds": spent.whole}
        context.screen.print(to_json({**overview.summary(deployment), **times}))
        return
    lines = [f"{deployment.full}: {words}"]
    if spent.in_words():
        lines.append(spent.in_words())
    if not deployment.is_ready:
        lines.append(
            f"it is not Ready ({deployment.reason}) until the spec declares another version: as it should be"
        )
    context.screen.print(lines)


def _clear(context: Context, deployment: ModelDeployment) -> int:
    """Remove the annotation, and wait until the status tells of it no more: the next command goes by that."""
    again = rejection.holds_back_what_is_declared(deployment)
    if deployment.rejecting:
        effect = (
            f"; version {deployment.declared}, which is declared, takes the traffic again" if again else ""
        )
        context.tell(f"{deployment.full} rejects {deployment.rejecting} no more{effect}")
        deployment = context.write(deployment, rejection.patch(deployment, None))
    else:
        context.tell(f"{deployment.full} rejects nothing")
    if context.args.dry_run or not again:
        return _end(context, deployment)
    end = follow(context.kubectl, context.screen, deployment, let_in, context.args.timeout)
    if end.done:
        return _end(context, end.deployment)
    context.tell(f"{deployment.full}: {end.verdict.words}{end.late(context.args.timeout)}")
    return _end(context, end.deployment, NO)


def _end(context: Context, deployment: ModelDeployment, code: int = OK) -> int:
    if context.as_json:
        context.screen.print(to_json(overview.summary(deployment)))
    return code
