"""The ledger of tags as a ConfigMap, one for each connection of a namespace: found and written."""

import logging
from typing import Any

from pintle import tags, views
from pintle.api import CLUSTER_KIND, GROUP, VERSION, RegistryConnection
from pintle.cache import Cache
from pintle.domain.resources import CONFIG_MAPS
from pintle.errors import AlreadyExists, Forbidden, Invalid
from pintle.naming import (
    LABEL_CLUSTER_REGISTRY,
    LABEL_MANAGED_BY,
    LABEL_REGISTRY,
    MANAGER,
    registry_tags_name,
)
from pintle.ports import Cluster, Json
from pintle.tags import Ledger

log = logging.getLogger(__name__)


class LedgerObjects:
    """Answers to own writes go into the cache, so that the next pass does not do the same again."""

    def __init__(self, cluster: Cluster, cache: Cache) -> None:
        self._cluster = cluster
        self._cache = cache

    def find(self, connection: RegistryConnection) -> Json | None:
        """A connection's ledger, as the cache has it; None where it has none."""
        held = self._cache.get(CONFIG_MAPS, connection.namespace, registry_tags_name(connection.name))
        return held if held and views.owner_uid(held) == connection.uid and not views.deleting(held) else None

    async def write(
        self, connection: RegistryConnection, held: Json | None, ledger: Ledger, *, keep: bool
    ) -> bool:
        """Have the ledger say this; one that is empty goes unless it is to be kept. False if that is refused.

        Raises:
            ClusterError: somebody else has written it, or the API server is in trouble.
        """
        text, name = tags.write(ledger), registry_tags_name(connection.name)
        try:
            if held is None:
                if ledger:
                    body = _body(connection, name, text)
                    self._keep(await self._cluster.create(CONFIG_MAPS, connection.namespace, body))
            elif not ledger and not keep:
                metadata = held["metadata"]
                await self._cluster.delete(
                    CONFIG_MAPS,
                    connection.namespace,
                    name,
                    uid=metadata["uid"],
                    resource_version=metadata["resourceVersion"],
                )
            elif (held.get("data") or {}).get(tags.LEDGER_KEY) != text:
                metadata = {k: held["metadata"][k] for k in ("uid", "resourceVersion")}
                patch = {"metadata": metadata, "data": {tags.LEDGER_KEY: text}}
                self._keep(await self._cluster.patch(CONFIG_MAPS, connection.namespace, name, patch))
        except (AlreadyExists, Forbidden, Invalid) as error:
            # Without a ledger nothing is written to the registry: it could not be found again.
            log.warning("ConfigMap %s/%s cannot be written: %s", connection.namespace, name, error)
            return False
        return True

    def _keep(self, answer: Json) -> None:
        self._cache.upsert(CONFIG_MAPS, answer)


def _body(connection: RegistryConnection, name: str, text: str) -> dict[str, Any]:
    label = {LABEL_CLUSTER_REGISTRY: connection.cluster} if connection.cluster else {}
    owner = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": CLUSTER_KIND if connection.cluster else "RegistryConnection",
        "name": connection.cluster or connection.name,
        "uid": connection.uid,
        "controller": True,
    }
    return {
        "metadata": {
            "name": name,
            "namespace": connection.namespace,
            "labels": {LABEL_MANAGED_BY: MANAGER} | (label or {LABEL_REGISTRY: connection.name}),
            "ownerReferences": [owner],
        },
        "data": {tags.LEDGER_KEY: text},
    }
