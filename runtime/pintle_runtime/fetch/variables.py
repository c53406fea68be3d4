"""The environment variables that clients of object stores read their credentials from.

Clients keep those that they were made with for as long as the process lives: MLflow keeps clients, and
boto3 its session. One that is refused would be refused for ever, though the Secret has been corrected. So a
process takes one set of variables, and begins anew where it finds another.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

from pintle_runtime import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIRST = dict(os.environ)


class Variables:
    """Those of one process."""

    def __init__(self, begin_anew: Callable[[], NoReturn]) -> None:
        self._begin_anew = begin_anew
        self._taken: dict[str, str] | None = None

    def take(self, variables: Mapping[str, str]) -> None:
        """Set them; does not return where others were taken before."""
        if self._taken not in (None, variables):
            log.info("the credentials of the store have changed: beginning anew")
            self._begin_anew()
        self._taken = dict(variables)
        os.environ.update(variables)


def _begin_anew() -> NoReturn:
    """Run the same command in the place of this process, with the environment that it was begun with."""
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], _FIRST)  # noqa: S606  # itself


of_this_process = Variables(_begin_anew)
