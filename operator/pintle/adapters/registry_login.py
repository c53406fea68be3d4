"""Credentials -> what a registry is sent of them, and what is said of them."""

import base64

from pintle.conditions import Reason
from pintle.errors import Terminal
from pintle.ports import REGISTRY, Credentials


def authorization(credentials: Credentials) -> dict[str, str]:
    """The header for these credentials; a username beats a token, as in MLflow's own client."""
    if credentials.username:
        text = f"{credentials.username}:{credentials.password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(text).decode()}"}
    if not credentials.token:
        return {}
    if not (credentials.token.isascii() and credentials.token.isprintable()):
        raise Terminal(
            Reason.REGISTRY_FORBIDDEN,
            f"the token for {REGISTRY} holds characters that no HTTP header can carry: "
            f"write it again to the Secret, without line breaks",
        )
    return {"Authorization": f"Bearer {credentials.token}"}


def identification(credentials: Credentials) -> str:
    """With what a registry is asked, for messages."""
    if credentials.username:
        return "the username and password"
    return "the token" if credentials.token else "requests without credentials"
