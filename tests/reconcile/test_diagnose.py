"""`pintle diagnose`: says what is so, what a pass would do and why it waits, and writes nothing."""

import asyncio

import pytest

from pintle import diagnose
from pintle.conditions import Reason
from pintle.diagnose import Unknown
from pintle.domain import Key
from pintle.domain.resources import CONFIG_MAPS, DEPLOYMENTS, MODEL_DEPLOYMENTS
from pintle.errors import Forbidden, Retryable
from pintle.ports import REGISTRY
from pintle.settings import Settings
from tests.support.fake_cluster import FakeCluster
from tests.support.fake_pods import Failure, Fate
from tests.support.fake_registry import FakeRegistry
from tests.support.world import KEY, NAME, NAMESPACE, World

DOWN = Retryable(Reason.REGISTRY_UNAVAILABLE, f"{REGISTRY} does not answer")


class Registered(World):
    """A world whose registry is a server that can be asked, beside the operator that knows all answers."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = FakeRegistry()
        self.server = self.registry.server("http://mlflow:5000")
        for version in ("1", "2"):
            self.answers.versions[version] = self.server.register("iris")


def told(world: Registered, key: Key = KEY) -> list[str]:
    """What it prints, by line; with a process of its own, which has to leave all as it is."""
    before, changes = len(world.recorder.events), []
    world.api.listeners.append(lambda *change: changes.append(change))
    cluster = FakeCluster(world.api)
    text = asyncio.run(diagnose.look(cluster, world.registry, world.clock, key, Settings()))
    assert not changes
    assert len(world.recorder.events) == before
    assert {request.verb for request in cluster.requests} <= {"get", "list"}
    return text.splitlines()


def section(lines: list[str], title: str) -> list[str]:
    """The lines below a title."""
    start = next(i for i, line in enumerate(lines) if line.startswith(title)) + 1
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("  ")), len(lines))
    return [line.strip() for line in lines[start:end]]


def serving() -> Registered:
    world = Registered()
    world.apply(version=1, replicas=2)
    world.run(20)
    return world


def test_what_serves_and_waits_for_nothing() -> None:
    world = serving()
    lines, one = told(world), world.revision("1")
    assert lines[0].startswith(f"ModelDeployment {NAMESPACE}/{NAME}, uid ")
    assert lines[1:3] == [
        "generation 1, of which the status tells 1",
        "declares version 1 of iris, replicas 2",
    ]
    (record,) = section(lines, "revisions")
    assert record.startswith(f"{one}, number 1; serves; cleared at 2026-")
    assert record.endswith("proof passed; 2 of 2 pods ready; image runtime:1")
    assert section(lines, "registry") == [
        "mlflow, without credentials",
        "is not asked: what is declared is on record",
    ]
    assert [line.split(": ")[1] for line in section(lines, "pods")] == ["ready"] * 2
    (service,) = section(lines, "traffic")
    assert service.startswith(f"Service {NAME} selects {one}, at 2026-")
    assert service.endswith("; ready endpoints 2")
    assert section(lines, "a pass now") == [
        "would change nothing",
        "waits for nothing: Serving: iris version 1 serves with 2 of 2 pods",
        "would look again when something changes",
    ]


def test_what_an_operator_that_stands_still_leaves_undone() -> None:
    world = serving()
    world.operator.stop()
    world.apply(version=2)
    lines = told(world)
    assert lines[1] == "generation 2, of which the status tells 1"
    answer = section(lines, "registry")[1]
    assert answer.startswith("answers: version 2 is ")
    actions = [line for line in section(lines, "a pass now") if line.startswith("would create")]
    assert [line.partition("/")[0] for line in actions] == [
        f"would create {kind}" for kind in ("ControllerRevision", "ConfigMap", "Deployment")
    ]
    assert ": record revision iris-v2-" in actions[0]


def test_why_a_version_was_refused() -> None:
    world = serving()
    world.fate("2", Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is \x1b[31mNaN\nreally")))
    world.apply(version=2)
    world.run(20)
    lines, two = told(world), world.revision("2")
    (record,) = (line for line in section(lines, "revisions") if line.startswith(two))
    assert "; rejected at 2026-" in record
    assert ": ProofFailed: iris version 2: prediction[0] is " in record
    (waits,) = (line for line in section(lines, "a pass now") if line.startswith("waits"))
    assert waits.startswith("waits: ProofFailed: iris version 2: prediction[0] is ")
    assert f"NaN really (pod {two}-" in waits
    assert waits.endswith("; version 1 keeps serving")
    assert not [line for line in lines if "\x1b" in line], "a terminal is not for models to write on"


def test_a_registry_that_does_not_answer() -> None:
    world = serving()
    world.server.fault = DOWN
    world.operator.stop()
    world.apply(version=2)
    lines = told(world)
    assert section(lines, "registry")[1] == "answers: RegistryUnavailable: registry mlflow does not answer"
    assert "waits: RegistryUnavailable: " in " ".join(section(lines, "a pass now"))


def test_a_registry_that_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnose, "PATIENCE_SECONDS", 0.05)
    world = serving()
    world.server.hang()
    world.operator.stop()
    world.apply(version=2)
    assert section(told(world), "registry")[1].startswith("has not answered yet, since 2026-")


def test_what_was_changed_by_hand() -> None:
    world = serving()
    world.operator.stop()
    world.api.patch(DEPLOYMENTS, NAMESPACE, world.revision("1"), {"spec": {"replicas": 1}})
    name = world.revision("1")
    world.api.delete(CONFIG_MAPS, NAMESPACE, name)
    would = section(told(world), "a pass now")
    assert [line.partition(":")[0] for line in would[:2]] == [
        f"would create ConfigMap/{name}",
        f"would patch Deployment/{name}",
    ]


def test_what_there_is_not() -> None:
    with pytest.raises(Unknown, match="no ModelDeployment fraud in namespace ml"):
        told(serving(), key=Key(NAMESPACE, "fraud"))


def test_what_cannot_be_read() -> None:
    world = serving()
    body = world.api.get(MODEL_DEPLOYMENTS, NAMESPACE, NAME)
    assert body["spec"]["replicas"] == 2
    world.operator.stop()
    world.api.patch(MODEL_DEPLOYMENTS, NAMESPACE, NAME, {"spec": {"replicas": "many"}})
    with pytest.raises(Unknown, match=r"cannot read spec.replicas"):
        told(world)


def test_it_could_not_write_if_it_wanted_to() -> None:
    with pytest.raises(Forbidden):
        diagnose._refuse()


@pytest.mark.parametrize(
    "arguments", [["diagnose"], ["diagnose", "iris"], ["diagnose", "ml/"], ["explain", "ml/iris"]]
)
def test_what_is_typed_wrong(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose.main(arguments) == 2
    assert capsys.readouterr().err == f"{diagnose.USAGE}\n"
