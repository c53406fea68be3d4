"""What went through a proxy: each request as a value, and what a request is about."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.support.faults.rules import Effect, Target, Verb

_BY_METHOD: Mapping[str, Verb] = {
    "GET": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
# Of these the first word after a name is a subresource, though they stand where a namespace may.
_NAMESPACES = "namespaces"
DISCOVERY = "discovery"


@dataclass(slots=True)
class Exchange:
    """A request and what became of it; `status` is 0 where the API server was not asked, or did not answer.

    `before` and `after` are resourceVersions: the one that the request names as its precondition, and that of
    the answer. `at` and `ended` are seconds since 1970; `ended` is 0 while it lasts.
    """

    number: int
    target: Target
    at: float
    agent: str
    body: bytes = field(default=b"", repr=False)
    status: int = 0
    before: str = ""
    after: str = ""
    effect: Effect | None = None
    ended: float = 0.0

    @property
    def body_hash(self) -> str:
        return hashlib.sha256(self.body).hexdigest()[:12] if self.body else ""

    @property
    def committed(self) -> bool:
        """Whether the API server did what was asked, whatever the client heard of it."""
        return 200 <= self.status < 300


def target_of(method: str, path: str, query: Mapping[str, str], body: bytes) -> Target:
    """What a request is about: verbs as in RBAC; of a create the name is the one in the body."""
    verb = _BY_METHOD.get(method, "get")
    parts = [part for part in path.split("/") if part]
    rest = parts[2:] if parts[:1] == ["api"] else parts[3:] if parts[:1] == ["apis"] else []
    if not rest:
        return Target("get", DISCOVERY, name=path)
    namespace = ""
    if rest[0] == _NAMESPACES and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    plural, name, sub = (*rest, "", "", "")[:3]
    if verb == "get" and not name:
        verb = "watch" if query.get("watch") in ("true", "1") else "list"
    if verb == "create" and not name:
        name = str((_json(body).get("metadata") or {}).get("name", ""))
    return Target(verb, f"{plural}/{sub}" if sub else plural, namespace, name)


def resource_version(body: bytes) -> str:
    """`metadata.resourceVersion` of an object as JSON text, "" where there is none."""
    return str((_json(body).get("metadata") or {}).get("resourceVersion", ""))


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
