"""The resolver under whatever is wanted, edited and broken, in any order; in virtual time."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pintle.domain import Failed, Key, Query, Resolved
from pintle.ports import Endpoint
from tests.support.fake_registry import FakeServer
from tests.support.resolver_bench import HOUR, OUTAGE, POLL, URI, Bench
from tests.support.virtual_time import run_virtually, settle

KEYS = [Key(namespace, name) for namespace in ("ml", "shop") for name in ("a", "b")]
STEPS = st.one_of(
    st.tuples(st.just("want"), st.sampled_from(KEYS), st.sampled_from(["1", "2", "3"])),
    st.tuples(st.just("follow"), st.sampled_from(KEYS), st.sampled_from(["champion", "nobody"])),
    st.tuples(st.just("forget"), st.sampled_from(KEYS), st.none()),
    st.tuples(st.just("connect"), st.sampled_from(["ml", "shop"]), st.sampled_from(["a", "b", None])),
    st.tuples(st.just("break"), st.sampled_from(["a", "b"]), st.booleans()),
    st.tuples(st.just("wait"), st.none(), st.sampled_from([0.0, 1.0, 31.0])),
)


@settings(deadline=None)  # a machine under load
@given(st.lists(STEPS, max_size=30))
def test_whatever_happens_it_ends_with_the_truth(steps: list[tuple[str, Any, Any]]) -> None:
    run_virtually(_whatever_happens(steps))


async def _whatever_happens(steps: list[tuple[str, Any, Any]]) -> None:
    bench = Bench()
    servers = {name: bench.registry.server(f"http://{name}") for name in ("a", "b")}
    for server in servers.values():
        server.register("iris"), server.register("iris")
        server.set_alias("iris", "champion", "2")
    wanted: dict[Key, Query] = {}
    for step in steps:
        await _take(step, bench, servers, wanted)
    for server in servers.values():
        server.fault = None
    await asyncio.sleep(2 * POLL)
    for key, query in wanted.items():
        endpoint = bench.endpoints.get((key.namespace, "mlflow"))
        reached = isinstance(endpoint, Endpoint) and endpoint.uri != URI
        answer = bench.resolver.want(key, query)
        if reached and (query.version in ("1", "2") or query.alias == "champion"):
            assert isinstance(answer, Resolved)
            assert answer.version.version == (query.version or "2")
        else:
            assert isinstance(answer, Failed)
    for key in wanted:
        bench.resolver.forget(key)
    await settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    asked = [len(server.asked) for server in servers.values()]
    await asyncio.sleep(HOUR)
    assert asked == [len(server.asked) for server in servers.values()]


async def _take(
    step: tuple[str, Any, Any], bench: Bench, servers: dict[str, FakeServer], wanted: dict[Key, Query]
) -> None:
    what, subject, value = step
    match what:
        case "want" | "follow":
            version, alias = (value, None) if what == "want" else (None, value)
            wanted[subject] = Query("mlflow", "iris", version, alias)
            bench.resolver.want(subject, wanted[subject])
        case "forget":
            wanted.pop(subject, None)
            bench.resolver.forget(subject)
        case "connect":
            bench.endpoints.pop((subject, "mlflow"), None)
            if value:
                bench.connect(subject, "mlflow", f"http://{value}")
            bench.resolver.connection_changed(subject, "mlflow")
        case "break":
            servers[subject].fault = OUTAGE if value else None
        case _:
            await asyncio.sleep(value)
