"""Connections as the cache holds them, by namespace and name.

One scheme names both kinds: `("ml", "mlflow")` is the RegistryConnection of that name, and
`("ml", "ClusterRegistryConnection/mlflow")` what the ClusterRegistryConnection mlflow is to namespace ml,
with the Secret of that namespace. `("", "mlflow")` is the ClusterRegistryConnection itself, for its status.
"""

import logging

from pydantic import ValidationError

from pintle.api import CLUSTER_KIND, RegistryConnection, parse_cluster_registry_connection
from pintle.api import parse_registry_connection as parse
from pintle.cache import Cache
from pintle.domain import Key
from pintle.domain.resources import (
    CLUSTER_REGISTRY_CONNECTIONS,
    CONFIG_MAPS,
    NAMESPACES,
    REGISTRY_CONNECTIONS,
)
from pintle.naming import registry_tags_name

log = logging.getLogger(__name__)


def find(cache: Cache, key: Key) -> RegistryConnection | None:
    """A connection, or None where there is none, or none that can be read."""
    try:
        if key.namespace and not key.name.startswith(f"{CLUSTER_KIND}/"):
            body = cache.get(REGISTRY_CONNECTIONS, *key)
            return parse(body) if body else None
        name = key.name.removeprefix(f"{CLUSTER_KIND}/")
        body = cache.get(CLUSTER_REGISTRY_CONNECTIONS, "", name)
        if body is None:
            return None
        connection = parse_cluster_registry_connection(body)
    except ValidationError as error:
        # Stored under another schema. It is as if it were not there: nothing can be done with it.
        log.warning("connection %s/%s cannot be read: %s", *key, error)
        return None
    if not key.namespace:
        return connection.itself()
    namespace = cache.get(NAMESPACES, "", key.namespace) or {"metadata": {}}
    return connection.within(key.namespace, namespace["metadata"].get("labels") or {})


def used(cache: Cache, key: Key) -> bool:
    """Whether a namespace uses a connection of the cluster, or has tags in its registry to take away."""
    ledger = cache.get(CONFIG_MAPS, key.namespace, registry_tags_name(key.name))
    return ledger is not None or bool(cache.deployments_of_connection(*key))
