"""The ways of getting a cluster, and which of them to take."""

import os
from collections.abc import Mapping

from testbed.commands import succeeds
from testbed.errors import TestbedError
from testbed.providers.base import Provider
from testbed.providers.current import CurrentProvider
from testbed.providers.embedded import EmbeddedProvider
from testbed.providers.kind import KindProvider
from testbed.settings import instance_name, kubernetes_version, state_dir

__all__ = ["Provider", "choose"]


def choose(environ: Mapping[str, str] = os.environ) -> Provider:
    """The provider that TESTBED names: `auto` (the default) is kind where a Docker engine answers.

    Raises:
        TestbedError: TESTBED names none.
    """
    wanted = environ.get("TESTBED") or "auto"
    if wanted == "auto":
        wanted = "kind" if succeeds(["docker", "info"]) else "embedded"
    match wanted:
        case "embedded":
            return EmbeddedProvider(state_dir(environ), instance_name(environ), kubernetes_version(environ))
        case "kind":
            return KindProvider(state_dir(environ), instance_name(environ), kubernetes_version(environ))
        case "current":
            return CurrentProvider(environ)
        case _:
            raise TestbedError(f"TESTBED is {wanted!r}: use auto, embedded, kind or current")
