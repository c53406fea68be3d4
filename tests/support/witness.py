"""Everything about some ModelDeployments as the API server tells it, whatever the operator sees or says.

One watch for each kind; changes of different kinds are put in order by resourceVersion, which counts through
all of them.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from kubernetes import client

from pintle.domain import Resource
from pintle.domain.resources import CHILDREN, ENDPOINT_SLICES, MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS
from pintle.naming import LABEL_DEPLOYMENT, LABEL_REGISTRY
from tests.support.rest import Json
from tests.support.watching import Watch, watching

KINDS = (MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS, *CHILDREN)


class Subject(NamedTuple):
    """A namespace, and the name that a ModelDeployment and its RegistryConnection have there."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One change: what the object is after it, or was before it was gone."""

    version: int
    at: float
    type: str  # ADDED, MODIFIED or DELETED
    resource: Resource
    object: Json

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.object["metadata"]["uid"])


class Witness:
    """What there is, and what has been, by subject."""

    def __init__(self, watches: Mapping[Resource, Watch]) -> None:
        self._watches = watches
        self._lock = threading.Lock()
        self._history: dict[Subject, list[Seen]] = defaultdict(list)
        self._objects: dict[Subject, dict[tuple[Resource, str], Json]] = defaultdict(dict)

    def objects(self, subject: Subject, resource: Resource) -> list[Json]:
        """The objects of a kind as they are now, by name."""
        self._catch_up()
        with self._lock:
            held = self._objects[subject]
            return [held[key] for key in sorted(held, key=lambda k: k[1]) if key[0] == resource]

    def history(self, subject: Subject) -> list[Seen]:
        """All changes, in the API server's order."""
        self._catch_up()
        with self._lock:
            return sorted(self._history[subject], key=lambda seen: seen.version)

    def forget(self, namespace: str) -> None:
        """Whatever there has been in a namespace: an hour of changes is gigabytes."""
        self._catch_up()
        with self._lock:
            for subject in [subject for subject in self._history if subject.namespace == namespace]:
                del self._history[subject]
                self._objects.pop(subject, None)

    def _catch_up(self) -> None:
        with self._lock:
            for resource, watch in self._watches.items():
                for change in watch.take():
                    self._take(Seen(_version(change.object), change.at, change.type, resource, change.object))

    def _take(self, seen: Seen) -> None:
        subject = subject_of(seen.resource, seen.object)
        if subject is None:
            return
        self._history[subject].append(seen)
        if seen.type == "DELETED":
            self._objects[subject].pop((seen.resource, seen.name), None)
        else:
            self._objects[subject][seen.resource, seen.name] = seen.object


@contextmanager
def witnessing(api_client: client.ApiClient) -> Iterator[Witness]:
    """Watch all kinds in all namespaces for as long as the block lasts."""
    with ExitStack() as stack:
        yield Witness({kind: stack.enter_context(watching(api_client, kind, "")) for kind in KINDS})


def subject_of(resource: Resource, obj: Json) -> Subject | None:
    """Whose object this is; None where it is nobody's."""
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    name = labels.get(LABEL_DEPLOYMENT) or labels.get(LABEL_REGISTRY)
    if resource in (MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS):
        name = metadata["name"]
    if resource == ENDPOINT_SLICES:
        name = labels.get("kubernetes.io/service-name")
    return Subject(metadata["namespace"], name) if name else None


def _version(obj: Json) -> int:
    return int(obj["metadata"]["resourceVersion"])
