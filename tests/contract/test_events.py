"""Events on a real API server: it takes what is written, and the count of repetitions."""

import asyncio
from functools import partial

from pintle.adapters.clock import SystemClock
from pintle.adapters.cluster import KubernetesCluster
from pintle.adapters.telemetry.events import EVENTS, KubernetesEvents
from pintle.domain.resources import MODEL_DEPLOYMENTS, MODEL_RUNTIMES
from pintle.ports import Event
from testbed import api


async def test_events_are_taken_and_counted(api_server: api.Cluster, namespace: str) -> None:
    cluster = await KubernetesCluster.connect(kubeconfig=api_server.kubeconfig)
    events = KubernetesEvents(cluster, SystemClock(), instance="pintle-operator-0")
    running = asyncio.create_task(events.run())
    uid = f"uid-{namespace}"
    about = partial(Event, uid=uid, reason="ProofFailed", message="é" * 2000, annotations={"a": "b"})
    try:
        for _ in range(2):
            events.post(about(MODEL_DEPLOYMENTS, namespace, "iris", type="Warning"))
        events.post(about(MODEL_RUNTIMES, "", namespace, type="Normal"))
        await events.drain()
        found = [e async for page in cluster.pages(EVENTS) for e in page if e["regarding"].get("uid") == uid]
    finally:
        running.cancel()
        await cluster.close()
    by_kind = {event["regarding"]["kind"]: event for event in found}
    assert len(found) == len(by_kind) == 2
    assert by_kind["ModelDeployment"]["series"]["count"] == 2
    assert by_kind["ModelDeployment"]["metadata"]["namespace"] == namespace
    assert by_kind["ModelDeployment"]["metadata"]["annotations"] == {"a": "b"}
    assert by_kind["ModelRuntime"]["metadata"]["namespace"] == "default"
