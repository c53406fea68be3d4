"""`kubectl pintle status [NAME]`."""

from kubectl_pintle import deployment as deployments
from kubectl_pintle import events, overview, pods
from kubectl_pintle.commands.context import NO, OK, Context, at_once
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.kubectl import KubectlError
from kubectl_pintle.names import KIND, Json
from kubectl_pintle.overview import Overview
from kubectl_pintle.screen import now
from kubectl_pintle.text import to_json


def run(context: Context) -> int:
    """Show one, or all of a namespace or of the cluster; no if any of them is not Ready."""
    if context.args.name is None:
        return _all(context)
    shown = _overview(context, context.deployment(context.args.name))
    context.screen.print(to_json(overview.data(shown)) if context.as_json else overview.lines(shown, now()))
    return OK if shown.deployment.is_ready else NO


def _all(context: Context) -> int:
    everywhere = context.args.all_namespaces
    bodies = context.kubectl.deployments(context.args.namespace, everywhere=everywhere)
    found = [deployments.parse(body) for body in bodies]
    if context.as_json:
        context.screen.print(to_json({"items": [overview.summary(d) for d in found]}))
    elif found:
        context.screen.print(overview.list_lines(found, now(), namespaces=everywhere))
    else:
        context.screen.say(
            "there is no ModelDeployment" + ("" if everywhere else " in this namespace (-A looks in all)")
        )
    return OK if all(d.is_ready for d in found) else NO


def _overview(context: Context, deployment: ModelDeployment) -> Overview:
    """Its pods and Events too, as far as they may be read."""
    namespace, objects = deployment.namespace, context.kubectl.objects
    about = f"involvedObject.kind={KIND},involvedObject.name={deployment.name}"
    read = at_once(
        lambda: context.pods(deployment),
        lambda: objects("events", namespace, fields=about),
        lambda: objects("events", namespace, fields="involvedObject.kind=Pod,type=Warning"),
    )
    unread = tuple(dict.fromkeys(str(answer) for answer in read if isinstance(answer, KubectlError)))
    bodies: list[list[Json]] = [[] if isinstance(answer, KubectlError) else answer for answer in read]
    found = pods.parse(bodies[0])
    # What a pod that is well had to say on its way says nothing any more.
    unwell = [p.name for p in found if not p.ready]
    told = events.parse([*bodies[1], *bodies[2]], about=deployment.uid, pods=unwell)
    return Overview(deployment, found, told, unread)
