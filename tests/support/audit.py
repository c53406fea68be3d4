"""Requests of one client to the API server, from its audit log: what the operator asked and wrote.

How it is counted. The log has one entry for each request when its answer is complete; a watch has more, and
is no request of a pass. Of the operator's entries in one namespace,

    writes   are create, update, patch and delete, whatever they were answered
    reads    are get
    lists    are list and watch: kopf's, which keep the cache, and the slow resync; no pass does them

`lean` leaves out Events, writes that were answered 409 and decided again, and the deletes of revisions that
are no longer kept. The Lease is in another namespace and so never counted.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

import orjson
from typing_extensions import override

from pintle.domain.resources import CHILDREN
from tests.support.rest import Json
from tests.support.waiting import until

OPERATOR = "system:serviceaccount:pintle-system:pintle-operator"

_POD = "authentication.kubernetes.io/pod-name"
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_PRUNED = frozenset({"controllerrevisions", "deployments", "configmaps"})
_CHILDREN = frozenset(resource.plural for resource in CHILDREN)


@dataclass(frozen=True)
class Request:
    """One request. `began` and `answered` are seconds since 1970; the answer was complete at `answered`.

    `pod` is who asked by a token that is bound to a pod, as each mounted one is; "" for anybody else.
    """

    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int
    began: float
    answered: float
    agent: str = field(repr=False, default="")
    pod: str = field(repr=False, default="")
    group: str = field(repr=False, default="")

    @property
    def is_write(self) -> bool:
        return self.verb in _WRITES

    @property
    def is_read(self) -> bool:
        return self.verb == "get"

    @property
    def is_read_of_child(self) -> bool:
        """A read of what the operator's watches hold already."""
        return self.is_read and self.resource.partition("/")[0] in _CHILDREN

    @property
    def is_lean(self) -> bool:
        pruning = self.verb == "delete" and self.resource in _PRUNED
        return self.resource != "events" and self.code != HTTPStatus.CONFLICT and not pruning


@dataclass(frozen=True)
class Tally:
    """Requests of a client in a stretch of the log, oldest first."""

    requests: tuple[Request, ...]

    @property
    def writes(self) -> int:
        return sum(r.is_write for r in self.requests)

    @property
    def lean_writes(self) -> int:
        return sum(r.is_write and r.is_lean for r in self.requests)

    @property
    def reads(self) -> int:
        return sum(r.is_read for r in self.requests)

    @property
    def without_lease(self) -> "Tally":
        """The same without the requests for the operator's own Lease."""
        return Tally(tuple(r for r in self.requests if r.resource != "leases"))

    @property
    def lists(self) -> Counter[str]:
        """Resource -> how often it was listed, each page counted."""
        return Counter(r.resource for r in self.requests if r.verb == "list")

    @property
    def reads_of_children(self) -> int:
        return sum(r.is_read_of_child for r in self.requests)

    @override
    def __str__(self) -> str:
        kinds = Counter(f"{r.verb} {r.resource} {r.code}" for r in self.requests if r.is_write or r.is_read)
        listed = ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items()))
        return (
            f"{self.writes} writes ({self.lean_writes} without Events, 409 answers and pruning), "
            f"{self.reads} reads ({self.reads_of_children} of children): {listed}"
        )


class AuditLog:
    """The log from `mark` on; marks are positions in the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mark(self) -> int:
        """The end of the log as it is now."""
        return self._path.stat().st_size

    def since(self, mark: int, namespace: str, user: str = OPERATOR) -> Tally:
        """What a client asked in a namespace since a mark."""
        mine = (r for r in self._requests(mark, namespace) if r.user == user)
        return Tally(tuple(sorted(mine, key=lambda r: r.began)))

    def everywhere(self, mark: int, user: str = OPERATOR) -> Tally:
        """What a client asked in all of the cluster since a mark."""
        mine = (r for r in self._lines(mark, f'"{user}"'.encode()) if r.user == user)
        return Tally(tuple(sorted(mine, key=lambda r: r.began)))

    def begun(self, mark: int, user: str = OPERATOR) -> Iterator[Request]:
        """What a client asked since a mark, answered in full or not: a watch goes on meanwhile."""
        whose = f'"{user}"'.encode()
        return (r for r in self._lines(mark, whose, answered=False) if r.user == user)

    def namespaces(self, mark: int) -> Iterator[Json]:
        """Each namespace that was made or changed since a mark, by anybody, as it was then."""
        for entry in self._entries(mark, b'"resource":"namespaces"'):
            target, code = entry["objectRef"], entry.get("responseStatus", {}).get("code", 0)
            made = entry["verb"] in _WRITES - {"delete", "deletecollection"} and not target.get("subresource")
            if made and code < HTTPStatus.BAD_REQUEST:
                assert "responseObject" in entry, (
                    f"the log does not say what became of namespace {target.get('name')}: this cluster was"
                    " raised with an audit policy from before; take it down and raise it again"
                )
                yield entry["responseObject"]

    def settled(self, mark: int, namespace: str, *, quiet: float = 6, within: float = 90) -> Tally:
        """What the operator asked in a namespace since a mark, once it wrote nothing for `quiet` seconds.

        Counts in a status are written every 5 s at most, so a shorter silence may be an intermission.
        """

        def done() -> Tally | None:
            tally = self.since(mark, namespace)
            last = max((r.answered for r in tally.requests if r.is_write), default=0.0)
            return tally if time.time() > last + quiet else None

        return until(done, within=within, what=f"the operator is quiet in {namespace}")

    def accepted(self, mark: int, namespace: str, resource: str, name: str) -> Request:
        """The newest successful write to an object since a mark, by anybody but the operator and kubectl."""

        def found() -> Request | None:
            requests = [r for r in self._writes(mark, namespace, resource, name) if _by_test(r)]
            return requests[-1] if requests and requests[-1].code < HTTPStatus.BAD_REQUEST else None

        return until(found, within=5, what=f"the audit log has the write to {resource} {namespace}/{name}")

    def reaction(self, mark: int, namespace: str, resource: str, name: str) -> Request:
        """The operator's first successful write to an object since a mark."""

        def found() -> Request | None:
            writes = self._writes(mark, namespace, resource, name)
            return next((r for r in writes if r.user == OPERATOR and r.code < HTTPStatus.BAD_REQUEST), None)

        return until(found, within=30, what=f"the operator writes {resource} {namespace}/{name}")

    def _writes(self, mark: int, namespace: str, resource: str, name: str) -> Iterator[Request]:
        requests = self._requests(mark, namespace)
        return (r for r in requests if r.is_write and (r.resource, r.name) == (resource, name))

    def _requests(self, mark: int, namespace: str) -> Iterator[Request]:
        return self._lines(mark, f'"namespace":"{namespace}"'.encode())

    def _lines(self, mark: int, needle: bytes, *, answered: bool = True) -> Iterator[Request]:
        return map(_request, self._entries(mark, needle, answered=answered))

    def _entries(self, mark: int, needle: bytes, *, answered: bool = True) -> Iterator[Json]:
        with self._path.open("rb") as log:
            log.seek(mark, os.SEEK_SET)
            for line in log:
                done = b'"ResponseComplete"' in line or not answered
                if needle in line and line.endswith(b"\n") and done:
                    yield orjson.loads(line)


def _by_test(request: Request) -> bool:
    """Tests write with the official client; kubectl is who applies manifests beside them."""
    return request.user != OPERATOR and not request.agent.startswith("kubectl")


def _request(entry: Json) -> Request:
    target = entry.get("objectRef", {})
    sub = target.get("subresource")
    return Request(
        user=entry["user"]["username"],
        verb=entry["verb"],
        resource=target.get("resource", "") + (f"/{sub}" if sub else ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=entry.get("responseStatus", {}).get("code", 0),
        began=_seconds(entry["requestReceivedTimestamp"]),
        answered=_seconds(entry["stageTimestamp"]),
        agent=entry.get("userAgent", ""),
        pod=next(iter(entry["user"].get("extra", {}).get(_POD, ())), ""),
        group=target.get("apiGroup", ""),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
