"""The oracles' eye on a world in memory."""

from collections.abc import Iterator

from pintle.domain import Resource
from tests.support.fake_api_server import REPLICA_SETS, Body, FakeApiServer, WatchType
from tests.support.rest import Json
from tests.support.witness import KINDS, Seen, Subject, subject_of


class FakeWitness:
    """What there is on a `FakeApiServer`, and what has been since this was made."""

    def __init__(self, api: FakeApiServer) -> None:
        self._api = api
        self._seen: list[Seen] = []
        api.listeners.append(self._changed)

    def objects(self, subject: Subject, resource: Resource) -> list[Json]:
        """As `Witness.objects`."""
        found = self._api.objects(resource, namespace=subject.namespace)
        return [obj for obj in found if subject_of(resource, obj) == subject]

    def history(self, subject: Subject) -> list[Seen]:
        """As `Witness.history`."""
        return [seen for seen in self._seen if subject_of(seen.resource, seen.object) == subject]

    def replica_sets(self) -> Iterator[Body]:
        """Objects that only controllers make; they too must go."""
        return iter(self._api.objects(REPLICA_SETS))

    def _changed(self, change: WatchType, resource: Resource, obj: Body) -> None:
        if resource in KINDS:
            self._seen.append(Seen(self._api.version, 0.0, change, resource, obj))
