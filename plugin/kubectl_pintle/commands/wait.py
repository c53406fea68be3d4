"""`kubectl pintle wait NAME`."""

from kubectl_pintle import overview
from kubectl_pintle.commands.context import NO, OK, Context
from kubectl_pintle.following import follow
from kubectl_pintle.progress import ready
from kubectl_pintle.text import to_json


def run(context: Context) -> int:
    """Wait until what is declared serves; no at once where it never will by itself."""
    timeout = context.args.timeout
    end = follow(context.kubectl, context.screen, context.deployment(context.args.name), ready, timeout)
    if context.as_json:
        told = {**overview.summary(end.deployment), "timedOut": end.timed_out}
        context.screen.print(to_json(told))
    elif end.done or end.timed_out:
        context.screen.print([overview.headline(end.deployment) + end.late(timeout)])
    else:
        context.screen.print([f"{end.deployment.full}: {end.verdict.words}"])
    return OK if end.done else NO
