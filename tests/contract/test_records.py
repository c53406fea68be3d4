"""A record can be patched by others too, who take it for a typed object, as the garbage collector does."""

import pytest

from pintle.adapters.cluster import KubernetesCluster
from pintle.domain.resources import CONTROLLER_REVISIONS
from testbed.cluster import Cluster
from tests.support.rest import Json, Rest

# Keys in no order, and what Go's JSON encoder escapes and others do not: see `wire.encode`.
RECORD = {
    "apiVersion": "apps/v1",
    "kind": "ControllerRevision",
    "metadata": {"name": "iris", "ownerReferences": []},
    "revision": 1,
    "data": {"shape": {"z": 1, "env": "a&b"}, "identity": {"source": "s3://<m>", "model": "é"}},
}


@pytest.mark.parametrize("kind", ["merge-patch", "strategic-merge-patch"])
async def test_a_record_can_be_annotated(rest: Rest, api_server: Cluster, namespace: str, kind: str) -> None:
    """A strategic merge patch has the API server write `data` anew, and compare the bytes."""
    cluster = await KubernetesCluster.connect(kubeconfig=api_server.kubeconfig)
    await cluster.create(CONTROLLER_REVISIONS, namespace, RECORD)
    await cluster.close()
    path = f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions/iris"
    patch: Json = {"metadata": {"annotations": {"seen": "yes"}}}
    status, answer = rest.request("PATCH", path, patch, headers={"Content-Type": f"application/{kind}+json"})
    assert status == 200, answer["message"]
    assert answer["data"] == RECORD["data"]
