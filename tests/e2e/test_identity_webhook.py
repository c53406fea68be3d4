"""A cloud's role for a ServiceAccount: `fetch` alone gets it, and reads the bucket with it."""

import json
from collections.abc import Iterator

import pytest

from pintle.domain.resources import PODS
from tests.e2e.conftest import Figure
from tests.support import cloud as clouds
from tests.support import install
from tests.support import stores as servers
from tests.support.cloud import ACCOUNTS, FOLDER, Cloud
from tests.support.deployed import Deployed
from tests.support.kube import path
from tests.support.predicting import predict
from tests.support.rest import Json
from tests.support.rig import Rig
from tests.support.server_pods import RESTRICTED_CONTAINER, RESTRICTED_POD
from tests.support.stores import BUCKET, OWNER, Stores
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PLACE = "e2e-bucket"
ROLE, OTHER = "arn:aws:iam::111122223333:role/reads-models", "arn:aws:iam::111122223333:role/of-others"
MODEL = "by-role"
# What a container of a pod with a role has; one without has none of it.
GIVEN = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": f"{FOLDER}/token"}

# As somebody registers what lies in a bucket: version 1 of another model, there.
_COPY = """
import os, sys, pathlib, boto3, mlflow
uri, bucket, model = sys.argv[1:]
mlflow.set_tracking_uri("http://localhost:5000")
folder = pathlib.Path(mlflow.artifacts.download_artifacts("models:/iris/1", dst_path="/tmp/copied"))
s3 = boto3.client("s3")
for file in (f for f in folder.rglob("*") if f.is_file()):
    s3.upload_file(str(file), bucket, f"{model}/{file.relative_to(folder)}")
client = mlflow.MlflowClient()
client.create_registered_model(model)
client.create_model_version(model, f"s3://{bucket}/{model}")
"""


@pytest.fixture(scope="module")
def stores(rig: Rig) -> Iterator[Stores]:
    """A bucket with a model in it."""
    with servers.raised(rig, PLACE) as made:
        variables = [f"{name}={value}" for name, value in made.environment(OWNER).items()]
        command = ("exec", "deploy/mlflow", "-c", "mlflow", "--", "env", *variables, "python", "-c", _COPY)
        rig.kube.kubectl("-n", rig.mlflow.namespace, *command, rig.mlflow.uri, BUCKET, MODEL)
        yield made
        rig.mlflow.delete_model(MODEL)


@pytest.fixture(scope="module")
def cloud(rig: Rig, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    trusted = {f"system:serviceaccount:{namespace}:models": ROLE}
    with clouds.raised(rig.kube, trusted, namespace, tmp_path_factory.mktemp("cloud")) as made:
        yield made


@pytest.fixture(scope="module")
def connection(rig: Rig, namespace: str, stores: Stores, cloud: Cloud) -> str:
    """A connection whose Secret has no keys: where the bucket is, and where STS."""
    place = {**stores.environment(None), "AWS_ENDPOINT_URL_STS": cloud.sts}
    install.give_credentials(rig.kube, namespace, place)
    rig.connect(namespace, "bucket", rig.mlflow.uri, "mlflow-credentials")
    return "bucket"


def test_fetch_alone_has_the_role(
    rig: Rig, namespace: str, connection: str, cloud: Cloud, figure: Figure
) -> None:
    _account(rig, namespace, "models", ROLE)
    iris = Deployed(rig.kube, namespace)
    iris.create(registryRef={"name": connection}, model=MODEL, version=1, serviceAccountName="models")
    iris.ready("1")
    assert predict(rig.mlflow, iris).headers["pintle-model"] == f"{MODEL}/1"
    subject = f"system:serviceaccount:{namespace}:models"
    asked = [question for question in cloud.asked if question[1] == subject]
    assert set(asked) == {(ROLE, subject, True)}

    (pod,) = iris.pods()
    assert _environments(pod) == {"fetch": GIVEN, "install": {}, "serve": {}}
    assert _with_a_token(pod) == {"fetch"}, "serve has neither the cloud's token nor Kubernetes' own"
    mounts = ("exec", pod["metadata"]["name"], "-c", "serve", "--", "cat", "/proc/self/mounts")
    told = rig.kube.kubectl("-n", namespace, *mounts)
    assert "/etc/pintle/revision" in told
    assert "/secrets/" not in told

    # The same webhook hands the role to every container of a pod that does not say which are not to have it.
    other = _pod_of(rig, namespace, "models")
    assert _environments(other) == {"first": GIVEN, "second": GIVEN}
    assert _with_a_token(other) == {"first", "second"}
    figure(f"{len(asked)} tokens were changed for keys, all of `fetch`")


def test_a_role_of_others_reads_nothing(
    rig: Rig, namespace: str, connection: str, cloud: Cloud, figure: Figure
) -> None:
    """STS refuses: the version waits, and `fetch` says why."""
    _account(rig, namespace, "strangers", OTHER)
    iris = Deployed(rig.kube, namespace, "strange")
    iris.create(registryRef={"name": connection}, model=MODEL, version=1, serviceAccountName="strangers")
    refused = (OTHER, f"system:serviceaccount:{namespace}:strangers", False)
    until(lambda: refused in cloud.asked, within=120, what="STS was asked", now=lambda: str(cloud.asked))
    command = ("logs", "-l", "pintle.dev/deployment=strange", "-c", "fetch")
    said = until(
        lambda: (log := rig.kube.kubectl("-n", namespace, *command)) and "AccessDenied" in log and log,
        within=60,
        what="`fetch` says what STS says",
    )
    figure(said.strip().splitlines()[-1])
    iris.refused("Starting", within=10)
    iris.delete()


def _account(rig: Rig, namespace: str, name: str, role: str) -> None:
    """As the page on AWS has it: Kubernetes' own token is not for the model."""
    labels = {"pintle.dev/usable-by-models": "true"}
    metadata = {"name": name, "labels": labels, "annotations": {clouds.ROLE: role}}
    rig.kube.create(ACCOUNTS, namespace, {"metadata": metadata, "automountServiceAccountToken": False})


def _pod_of(rig: Rig, namespace: str, account: str) -> Json:
    """A pod of nobody's, as it would be: it is not made."""
    containers = [
        {"name": name, "image": "nothing", "securityContext": RESTRICTED_CONTAINER}
        for name in ("first", "second")
    ]
    spec = {"serviceAccountName": account, "containers": containers, "securityContext": RESTRICTED_POD}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any"}, "spec": spec}
    return rig.kube.rest.ok("POST", path(PODS, namespace), body, query={"dryRun": "All"})


def _containers(pod: Json) -> list[Json]:
    found: list[Json] = pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
    return found


def _environments(pod: Json) -> dict[str, dict[str, str]]:
    """What each container has of AWS."""
    return {
        c["name"]: {e["name"]: e["value"] for e in c.get("env", []) if e["name"].startswith("AWS_")}
        for c in _containers(pod)
    }


def _with_a_token(pod: Json) -> set[str]:
    """The containers that have a token of a ServiceAccount, whoever it is for."""
    volumes = {
        v["name"]
        for v in pod["spec"]["volumes"]
        if "serviceAccountToken" in json.dumps(v.get("projected", {}))
    }
    assert volumes
    return {c["name"] for c in _containers(pod) if volumes & {m["name"] for m in c.get("volumeMounts", [])}}
