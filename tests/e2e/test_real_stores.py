"""MLflow on PostgreSQL and S3, by the page that says how: real servers of both, and all of the main path."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from demo.traffic import Declared
from pintle.domain.resources import DEPLOYMENTS, NAMESPACES, PODS, REGISTRY_CONNECTIONS, SECRETS
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support import stores as servers
from tests.support.console import File, steps
from tests.support.deployed import Deployed, condition
from tests.support.kube import MINE, RESTRICTED
from tests.support.load import assert_faultless, load
from tests.support.mlflow_pod import IMAGE, MlflowPod
from tests.support.predicting import predict
from tests.support.readers import PAGES, arrived
from tests.support.rig import Rig
from tests.support.stores import BUCKET, OWNER, READER, Keys, Stores
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PLACE = "e2e-mlflow-stores"
PAGE = "run-mlflow.md"
# MLflow 2.20's schema, 37 migrations ago.
OLD_SCHEMA = "6953534de441"

_MAKE_SCHEMA = """
import sys, alembic.command
from mlflow.store.db import utils
from mlflow.store.tracking.dbmodels.initial_models import Base
uri, revision = sys.argv[1:]
engine = utils.create_sqlalchemy_engine_with_retry(uri)
Base.metadata.create_all(engine)
config = utils._get_alembic_config(uri)
with engine.begin() as connection:
    config.attributes["connection"] = connection
    alembic.command.upgrade(config, revision)
"""
_SCHEMA = "SELECT version_num FROM alembic_version"
_REGISTER_THEN = """
INSERT INTO registered_models (name, creation_time, last_updated_time) VALUES ('of-before', 1, 1);
INSERT INTO model_versions (name, version, creation_time, last_updated_time, current_stage, source, status)
VALUES ('of-before', 1, 1, 1, 'None', 's3://models/of-before', 'READY');
"""
_REGISTER = """
import sys, mlflow
model, source = sys.argv[1:]
client = mlflow.MlflowClient("http://localhost:5000")
if not client.search_registered_models(f"name = '{model}'"):
    client.create_registered_model(model)
client.create_model_version(model, source)
"""


@pytest.fixture(scope="module")
def stores(rig: Rig) -> Iterator[Stores]:
    with servers.raised(rig, PLACE) as made:
        yield made


@dataclass(frozen=True)
class Followed:
    """The page, after its last command: MLflow in PLACE has two versions of iris, and one serves."""

    server: MlflowPod
    iris: Deployed
    commands: int


@pytest.fixture(scope="module")
def page(rig: Rig, stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    server = MlflowPod(rig.kube, PLACE)
    stores.create_database("mlflow")

    def registered() -> None:
        writer = stores.environment(OWNER)
        assert server.register("iris", "linear", "boosted", environment=writer) == ["1", "2"]

    with arrived(rig, tmp_path_factory.mktemp("page")) as reader:
        count = reader.follow(PAGE, renamed=_renamed(server), registered=registered)
        yield Followed(server, Deployed(rig.kube, reader.namespace), count)


@pytest.fixture
def tenant(rig: Rig) -> Iterator[str]:
    """The namespace of somebody else, who asks the same MLflow."""
    with rig.namespace("stores") as namespace:
        rig.kube.delete(REGISTRY_CONNECTIONS, namespace, "mlflow")
        yield namespace


def _renamed(server: MlflowPod) -> dict[str, str]:
    return {
        "http://mlflow.mlops.svc:5000": server.uri,
        ".mlops.svc:": f".{PLACE}.svc:",
        "-n mlops ": f"-n {PLACE} ",
        "registry.example.com/team/mlflow:3.17.2": IMAGE,
    }


def test_the_main_path(rig: Rig, page: Followed, stores: Stores, figure: Figure) -> None:
    """After the page's commands, what every registry is good for: change, rollback, another pod."""
    iris = page.iris
    assert predict(rig.mlflow, iris).headers["pintle-model"] == "iris/1"
    assert stores.sql("mlflow", "SELECT count(*) FROM model_versions WHERE name = 'iris'") == "2"
    with load(iris, rate=20) as traffic:
        iris.edit(version=2)
        iris.ready("2")
        pods = iris.uids()
        iris.edit(version=1)
        iris.ready("1", within=30)
        assert iris.uids() == pods, "a rollback to a warm standby starts and ends no pod"
        _another_pod_without_the_server(rig, iris, page.server)
        faultless = assert_faultless(traffic.stop(), Declared(0, {"1", "2"}))
    figure(f"{page.commands} commands, changed, rolled back, scaled with MLflow stopped: {faultless}")
    _check_who_sees_the_keys(iris)


def _another_pod_without_the_server(rig: Rig, iris: Deployed, server: MlflowPod) -> None:
    """Artifacts come from the bucket: a pod more starts while MLflow is down."""
    rig.kube.scale(DEPLOYMENTS, PLACE, "mlflow", 0)
    until(lambda: not rig.kube.list(PODS, PLACE, "app=mlflow"), within=60, what="MLflow is stopped")
    iris.edit(replicas=2)
    iris.ready("1")
    assert len(iris.serving_pods_of("1")) == 2
    rig.kube.scale(DEPLOYMENTS, PLACE, "mlflow", 1)
    server.wait()


def _check_who_sees_the_keys(iris: Deployed) -> None:
    pods = iris.pods("1")
    assert pods
    for pod in pods:
        assert READER.secret not in json.dumps(pod), "they are nowhere but in the Secret"
        steps_of = pod["spec"]["initContainers"] + pod["spec"]["containers"]
        seen = {c["name"] for c in steps_of if "credentials" in {m["name"] for m in c["volumeMounts"]}}
        assert seen == {"fetch"}
    # This deployment has no `spec.env`: what there is of AWS would be of the Secret.
    (name, *_) = (pod["metadata"]["name"] for pod in pods)
    environment = iris.kube.kubectl("-n", iris.namespace, "exec", name, "-c", "serve", "--", "env")
    assert "PATH=" in environment
    assert "AWS_" not in environment


def test_keys_that_may_not_read(
    rig: Rig, tenant: str, page: Followed, stores: Stores, figure: Figure
) -> None:
    """A version waits for them to be corrected, and is not refused: nothing is wrong with it."""
    iris = Deployed(rig.kube, tenant)
    _connect(rig, tenant, page.server, stores.environment(Keys(READER.access, "not-the-secret")))
    iris.create(version=1)
    said = until(
        lambda: (log := _log_of_fetch(iris)) and "signature" in log and log,
        within=120,
        what="`fetch` says what the S3 server says",
        now=lambda: _log_of_fetch(iris),
    )
    assert "not-the-secret" not in said
    iris.refused("Starting", within=5)
    rig.kube.merge(SECRETS, iris.namespace, "mlflow-credentials", {"stringData": stores.environment(READER)})
    began = time.monotonic()
    iris.ready("1", within=300)
    figure(f"served {time.monotonic() - began:.0f} s after the keys were corrected")


def test_artifacts_that_are_not_there(
    rig: Rig, tenant: str, page: Followed, stores: Stores, figure: Figure
) -> None:
    """The registry calls such a version READY all the same; it is refused, and says why."""
    _connect(rig, tenant, page.server, stores.environment(READER))
    places = [f"s3://{BUCKET}/nobody/wrote/this", "s3://no-such-bucket/model"]
    for version, place in enumerate(places, start=1):
        page.server.run(_REGISTER, "elsewhere", place)
        lost = Deployed(rig.kube, tenant, f"elsewhere-{version}")
        lost.create(model="elsewhere", version=version)
        figure(condition(lost.refused("FetchFailed"), "Ready")["message"])


def test_a_schema_of_before(rig: Rig, stores: Stores, figure: Figure) -> None:
    """The page's Job migrates it before there is a server, and what was registered before is there."""
    with _namespace(rig, f"{PLACE}-old") as namespace:
        old = MlflowPod(rig.kube, namespace)
        stores.create_database("old")
        rig.mlflow.run(_MAKE_SCHEMA, stores.database("old"), OLD_SCHEMA)
        stores.sql("old", _REGISTER_THEN)
        variables = {"MLFLOW_BACKEND_STORE_URI": stores.database("old"), **stores.environment(OWNER)}
        rig.kube.create(SECRETS, namespace, {"metadata": {"name": "mlflow-stores"}, "stringData": variables})
        files = {step.name: step.text for step in steps((PAGES / PAGE).read_text()) if isinstance(step, File)}
        _apply(old, files["db-upgrade.yaml"])
        wait = ("wait", "job/mlflow-db-upgrade", "--for=condition=Complete", "--timeout=120s")
        rig.kube.kubectl("-n", namespace, *wait, within=130)
        migrated = stores.sql("old", _SCHEMA)
        stores.create_database("new")
        rig.mlflow.run(_MAKE_SCHEMA, stores.database("new"), "head")
        assert migrated == stores.sql("new", _SCHEMA) != OLD_SCHEMA
        _apply(old, files["server.yaml"])
        old.wait(within=300)
        assert old.source("of-before", "1") == "s3://models/of-before"
        figure(f"schema {OLD_SCHEMA} became {migrated}")


def _connect(rig: Rig, namespace: str, server: MlflowPod, credentials: Mapping[str, str]) -> None:
    install.give_credentials(rig.kube, namespace, credentials)
    rig.connect(namespace, "mlflow", server.uri, "mlflow-credentials")


def _apply(server: MlflowPod, manifest: str) -> None:
    for name, other in _renamed(server).items():
        manifest = manifest.replace(name, other)
    server.kube.kubectl("-n", server.namespace, "apply", "-f", "-", stdin=manifest)


def _log_of_fetch(iris: Deployed) -> str:
    with suppress(AssertionError):  # it has not started
        return iris.kube.kubectl(
            "-n", iris.namespace, "logs", "-l", f"pintle.dev/deployment={iris.name}", "-c", "fetch"
        )
    return ""


@contextmanager
def _namespace(rig: Rig, name: str) -> Iterator[str]:
    rig.kube.create(NAMESPACES, "", {"metadata": {"name": name, "labels": MINE | RESTRICTED}})
    try:
        yield name
    finally:
        rig.kube.delete(NAMESPACES, "", name)
