"""A gateway for the tests that need one: the kinds of the Gateway API, and Traefik, both from Go modules.

Nothing of it is there unless somebody asks: Traefik takes ten minutes to build, once on a machine.
"""

from pathlib import Path

from testbed import gomodule

GATEWAY_API = "sigs.k8s.io/gateway-api@v1.3.0"
# Later ones want modules that a proxy of Go modules alone does not have.
TRAEFIK = "github.com/traefik/traefik/v3@v3.5.4"


def kinds() -> str:
    """The definitions of the kinds, as YAML.

    Raises:
        TestbedError: the module cannot be had.
    """
    folder = gomodule.source(GATEWAY_API) / "config/crd/standard"
    return "\n---\n".join(path.read_text() for path in sorted(folder.glob("gateway.*.yaml")))


def traefik() -> Path:
    """The program, built now if no earlier run did.

    Raises:
        TestbedError: the module cannot be had, or is not built.
    """
    return gomodule.program(TRAEFIK, "./cmd/traefik")
