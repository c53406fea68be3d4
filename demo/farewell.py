"""What to try next, once the story is told and the cluster is still up."""

import shlex
from collections.abc import Sequence

from demo.display import Display
from demo.registries import Registry

_TRY = """
The cluster stays up. Next, for example:

alias kubectl={kubectl}
kubectl get mdep --namespace=demo --output=wide --watch
kubectl patch mdep iris --namespace=demo --type=merge --patch='{{"spec": {{"version": {last}}}}}'
kubectl describe mdep iris --namespace=demo
kubectl get controllerrevisions,deployments,services,poddisruptionbudgets --namespace=demo
kubectl port-forward service/iris 8080:80 --namespace=demo    # then: curl -i localhost:8080/version
kubectl logs deployment/pintle-operator --namespace=pintle-system
make demo-down
"""


def say(display: Display, kubectl: Sequence[str], registry: Registry) -> None:
    """Commands that work as they are: on a machine without kubectl, with the test bed's own."""
    text = _TRY.format(kubectl=shlex.quote(shlex.join(kubectl)), last=registry.versions[-1])
    for line in text.rstrip().splitlines():
        display.screen.print(line, markup=False, highlight=False, soft_wrap=True)
