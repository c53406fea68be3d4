"""`kubectl pintle history NAME`."""

from collections.abc import Sequence
from datetime import datetime

from kubectl_pintle import timeline
from kubectl_pintle.commands.context import NO, OK, Context
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.text import clock, to_json
from kubectl_pintle.timeline import Row


def run(context: Context) -> int:
    """Show what served from when to when, or what served at one moment."""
    deployment = context.deployment(context.args.name)
    rows = timeline.rows(deployment, context.known_records(deployment))
    if context.args.at:
        return _served_at(context, deployment, rows, context.args.at)
    if context.as_json:
        told = {"namespace": deployment.namespace, "name": deployment.name, "history": timeline.data(rows)}
        context.screen.print(to_json(told))
    elif rows:
        context.screen.print(timeline.lines(rows, wide=context.args.output == "wide"))
    else:
        context.screen.say(f"{deployment.full} has no history yet")
    return OK


def _served_at(context: Context, deployment: ModelDeployment, rows: Sequence[Row], moment: datetime) -> int:
    found = timeline.served_at(rows, moment)
    if found is None:
        first = min((row.began for row in rows if row.began), default=None)
        known = f"begins at {clock(first)} UTC" if first else "is empty"
        context.screen.say(
            f"what served {deployment.full} at {clock(moment)} UTC is not known: its history {known}; "
            "the operator's log has the transitions of before (logger pintle.transitions)"
        )
        return NO
    if context.as_json:
        head = {"namespace": deployment.namespace, "name": deployment.name}
        context.screen.print(to_json(head | timeline.data([found])[0]))
    else:
        context.screen.print(timeline.answer(found))
    return OK
