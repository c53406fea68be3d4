"""`kubectl pintle history NAME`."""

from kubectl_pintle import timeline
from kubectl_pintle.commands.context import OK, Context
from kubectl_pintle.text import to_json


def run(context: Context) -> int:
    """Show what served from when to when."""
    deployment = context.deployment(context.args.name)
    rows = timeline.rows(deployment, context.known_records(deployment))
    if context.as_json:
        told = {"namespace": deployment.namespace, "name": deployment.name, "history": timeline.data(rows)}
        context.screen.print([to_json(told)])
    elif rows:
        context.screen.print(timeline.lines(rows, wide=context.args.output == "wide"))
    else:
        context.screen.say(f"{deployment.full} has no history yet")
    return OK
