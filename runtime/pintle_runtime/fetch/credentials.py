"""The registry's credentials, as the kubelet mounts them: one file for each key of the Secret."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pintle_runtime import log

if TYPE_CHECKING:
    from pathlib import Path

_AWS = re.compile(r"AWS_[A-Z0-9_]+")


@dataclass(frozen=True)
class Credentials:
    """What the Secret held. Nothing here appears in a representation, so that no log can print it."""

    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    aws: dict[str, str] = field(default_factory=dict, repr=False)
    """Environment variables of AWS's clients."""


def read(folder: Path) -> Credentials:
    """Read whatever is there; an absent folder means no credentials. From now on no log tells them."""
    if not folder.is_dir():
        return Credentials()
    aws = {path.name: _value(path) or "" for path in folder.iterdir() if _AWS.fullmatch(path.name)}
    username, password, token = (_value(folder / name) for name in ("username", "password", "token"))
    basic = base64.b64encode(f"{username}:{password}".encode()).decode()
    log.conceal(password, token, *aws.values(), basic if username and password else None)
    return Credentials(username, password, token, aws)


def _value(path: Path) -> str | None:
    """Files made by hand end with a line break that no password has."""
    if not path.is_file():
        return None
    return path.read_text(encoding="utf-8").rstrip("\r\n")
