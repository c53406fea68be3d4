"""The HTTPRoute as a real API server stores it, by the Gateway API's schema; a kind that comes and goes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest

from pintle import errors, handlers, naming, routeview
from pintle.adapters import kube_http
from pintle.adapters.cluster import KubernetesCluster
from pintle.api import ModelDeployment, parse_model_deployment
from pintle.cache import Cache
from pintle.desired import route
from pintle.domain import Patch
from pintle.domain.resources import CONFIG_MAPS, HTTP_ROUTES
from pintle.intake import Change
from pintle.ports import Json, Resource
from pintle.resync import watched
from pintle.watches import Watches
from testbed import api
from tests.support.builders import NOW
from tests.support.cluster import Kubectl
from tests.support.gateway import definitions
from tests.support.waiting import until_async

V2 = "iris-v2-1a2b3c4d"
GATEWAYS = (
    {"parentRefs": [{"name": "public"}]},
    {
        "parentRefs": [{"name": "public", "namespace": "edge", "sectionName": "web"}, {"name": "inner"}],
        "hostnames": ["iris.example.com", "*.example.com"],
    },
)


@pytest.fixture
def kinds(kubectl: Kubectl) -> Iterator[None]:
    with definitions(kubectl):
        yield


@pytest.fixture
async def cluster(api_server: api.Cluster) -> AsyncIterator[KubernetesCluster]:
    connected = await KubernetesCluster.connect(kubeconfig=api_server.kubeconfig)
    yield connected
    await connected.close()


@asynccontextmanager
async def installed(kubectl: Kubectl) -> AsyncIterator[None]:
    """`definitions`, beside a loop that goes on."""
    block = definitions(kubectl)
    await asyncio.to_thread(block.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(block.__exit__, None, None, None)


def deployment(namespace: str, gateway: Json) -> ModelDeployment:
    metadata = {"name": "iris", "namespace": namespace, "uid": "00000000-0000-0000-0000-000000000000"}
    spec = {"model": "iris", "version": 2, "gateway": gateway}
    return parse_model_deployment({"metadata": metadata, "spec": spec})


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("gateway", GATEWAYS, ids=["plain", "full"])
async def test_what_is_written_is_stored_as_it_was_meant(
    cluster: KubernetesCluster, namespace: str, gateway: Json
) -> None:
    """With nothing filled in: else it would be put back again and again."""
    iris = deployment(namespace, gateway)
    created = dict(route.create(iris, NOW).body)
    created["metadata"] = {k: v for k, v in created["metadata"].items() if k != "ownerReferences"}

    async def write(patch: Patch | None) -> Json:
        assert patch
        assert not isinstance(patch.body, tuple)
        return await cluster.patch(HTTP_ROUTES, namespace, "iris", patch.body)

    body = await cluster.create(HTTP_ROUTES, namespace, created)
    at_rest = routeview.route(body)
    assert at_rest.sends == {"iris": 100}
    assert route.repair(iris, at_rest) is None
    generation = body["metadata"]["generation"]
    body = await write(route.divide(iris, at_rest, V2, 10))
    divided = routeview.route(body)
    assert divided.sends == {"iris": 90, V2: 10}
    assert route.repair(iris, divided) is None
    assert body["metadata"]["generation"] == generation + 1
    held = await write(route.hold(divided, NOW))
    assert held["metadata"]["generation"] == generation + 1, "what is accepted is still what stands there"
    assert routeview.route(held).since == NOW
    with pytest.raises(errors.Conflict):
        await write(route.divide(iris, divided, V2, 50))
    changed: dict[str, Any] = {"spec": {"hostnames": ["other.example.com"], "rules": []}}
    body = await cluster.patch(HTTP_ROUTES, namespace, "iris", changed)
    body = await write(route.repair(iris, routeview.route(body)))
    assert routeview.route(body).sends == {"iris": 90, V2: 10}
    assert route.repair(iris, routeview.route(body)) is None
    body = await write(route.unite(iris, routeview.route(body), NOW))
    assert body["spec"] == {k: v for k, v in created["spec"].items() if v}
    assert naming.ANNOTATION_CANARY not in body["metadata"]["annotations"]
    gone = route.delete(iris, routeview.route(body))
    await cluster.delete(HTTP_ROUTES, namespace, "iris", uid=gone.uid, resource_version=gone.resource_version)


async def test_what_is_not_served_is_not_found(cluster: KubernetesCluster, namespace: str) -> None:
    """The operator tells by this that a cluster has no Gateway API."""
    elsewhere = Resource(HTTP_ROUTES.group, "v99", HTTP_ROUTES.plural, HTTP_ROUTES.kind)
    with pytest.raises(errors.NotFound):
        await cluster.create(elsewhere, namespace, {"metadata": {"name": "iris"}})
    with pytest.raises(errors.NotFound):
        [page async for page in cluster.pages(elsewhere)]


async def test_a_kind_is_watched_once_it_is_installed_and_missed_by_nobody_when_it_goes(
    api_server: api.Cluster, cluster: KubernetesCluster, kubectl: Kubectl, namespace: str
) -> None:
    loop, events, cache = asyncio.get_running_loop(), list[tuple[Change, str, str]](), Cache()

    def deliver(change: Change, resource: Resource, obj: Json) -> None:
        if obj["metadata"].get("namespace") == namespace:
            loop.call_soon_threadsafe(events.append, (change, resource.plural, obj["metadata"]["name"]))

    async def until(plural: str, name: str, seconds: float = 60) -> None:
        deadline = monotonic() + seconds
        while not any(e[1:] == (plural, name) for e in events):
            assert monotonic() < deadline, f"{plural} {name} was not delivered; {watches.problem()}; {events}"
            await asyncio.sleep(0.05)

    async def make(resource: Resource, name: str, **spec: Any) -> None:  # noqa: ANN401 - JSON
        metadata = {"name": name, "labels": naming.child_labels("iris")}
        await cluster.create(resource, namespace, {"metadata": metadata, **spec})

    operate = handlers.operate(
        deliver, lambda: kube_http.login(api_server.kubeconfig), lambda: watched(cache)
    )
    watches = Watches(operate, lambda: handlers.watchers(watched(cache)))
    watches.start()
    try:
        await make(CONFIG_MAPS, "before")
        await until("configmaps", "before")
        async with installed(kubectl):
            await make(HTTP_ROUTES, "iris", spec={"parentRefs": [{"name": "public"}]})
            assert not any(kind == "httproutes" for _, kind, _ in events), "nobody has told yet"
            cache.note(HTTP_ROUTES, served=True)
            await until("httproutes", "iris")
        cache.note(HTTP_ROUTES, served=False)
        events.clear()
        await make(CONFIG_MAPS, "after")
        await until("configmaps", "after")
        # A look is up to a second old.
        await until_async(lambda: watches.problem() == "", within=10, what="no problem", now=watches.problem)
    finally:
        await watches.stop()
