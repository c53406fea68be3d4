"""`kubectl pintle export`."""

from kubectl_pintle import manifests
from kubectl_pintle.commands.context import OK, Context
from kubectl_pintle.names import CLUSTER_WIDE, NAMESPACED, Json
from kubectl_pintle.text import to_json


def run(context: Context) -> int:
    """Print what has to be applied to have all of it again, in this cluster or another.

    These are the ModelDeployments and RegistryConnections of a namespace; with -A, those of all namespaces,
    and the kinds of the cluster too. What they are in or name is not in it, and is told: namespaces, Secrets,
    ConfigMaps and such.
    """
    everywhere: bool = context.args.all_namespaces
    kinds = (*CLUSTER_WIDE, *NAMESPACED) if everywhere else NAMESPACED
    found: list[Json] = []
    for kind in kinds:
        cluster_wide = kind in CLUSTER_WIDE
        found += context.kubectl.objects(
            kind, "" if cluster_wide else context.args.namespace, everywhere=everywhere and not cluster_wide
        )
    context.screen.print(to_json(manifests.whole(found)))
    missing = manifests.needed(found)
    if missing:
        context.screen.say(f"not in it, and needed by it: {', '.join(missing)}")
    return OK
