"""`kubectl pintle promote NAME`."""

from kubectl_pintle import overview, promotion
from kubectl_pintle.commands.context import NO, OK, Context
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.following import follow
from kubectl_pintle.names import ANNOTATION_PROMOTE
from kubectl_pintle.progress import Took, promoted, took
from kubectl_pintle.text import to_json


def run(context: Context) -> int:
    """Give all of the traffic to the version that a canary tries, whatever step it is at."""
    deployment = context.deployment(context.args.name)
    candidate = promotion.choose(deployment)
    dry = ", dry run" if context.args.dry_run else ""
    has = f" (it has {deployment.weight} %)" if deployment.weight else " once it has proven itself"
    context.tell(
        f"{deployment.full}: {ANNOTATION_PROMOTE}: {candidate.hash}{dry}; "
        f"version {candidate.version} takes all of the traffic{has}"
    )
    changed = context.write(deployment, promotion.patch(deployment, candidate))
    if context.args.dry_run:
        return OK
    judge = promoted(candidate.revision)
    end = follow(context.kubectl, context.screen, changed, judge, context.args.timeout)
    _tell(context, end.deployment, end.verdict.words, took(changed, end.deployment) if end.done else Took())
    return OK if end.done else NO


def _tell(context: Context, deployment: ModelDeployment, words: str, spent: Took) -> None:
    if context.as_json:
        times = {"movedSeconds": spent.moved, "wholeSeconds": spent.whole}
        context.screen.print(to_json({**overview.summary(deployment), **times}))
        return
    context.screen.print([f"{deployment.full}: {words}", *([spent.in_words()] if spent.in_words() else [])])
