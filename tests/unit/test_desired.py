"""The builders: what comes out is what is on file, nothing that goes in is changed."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from pintle import views
from pintle.desired import network, record, workload
from pintle.desired.network import Marks
from pintle.desired.pod import template
from pintle.domain import RuntimeChoice, Traffic
from pintle.naming import digest
from tests.support.builders import NOW, cleared, deployment, new_revision
from tests.support.builders import record as kept

OUTPUT = Path(__file__).parent.parent / "data" / "output"
FULL = {
    "resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "1"}},
    "env": [{"name": "A", "value": "1"}, {"name": "EMPTY"}],
    "nodeSelector": {"disk": "ssd"},
    "podMetadata": {"annotations": {"team": "a"}, "labels": {"cost": "42"}},
    "priorityClassName": "high",
    "rollout": {"proof": {"mode": "Required"}},
    "serviceAccountName": "reader",
    "secretName": "mlflow-credentials",
}


@pytest.mark.parametrize("name", ["plain", "full"])
def test_children_are_as_on_file(name: str) -> None:
    """A change of these files changes the pods of every revision to come."""
    secret = "mlflow-credentials" if name == "full" else ""
    shape = FULL if name == "full" else {}
    new = new_revision(shape=shape, secret_name=secret)
    created = record.create(deployment(), new, max_artifact_bytes=1000)
    seen = views.record(created.body)
    assert seen is not None
    children = [
        created.body,
        workload.create_copy(deployment(), seen).body,
        workload.create(deployment(), seen, 2).body,
        network.create_service(deployment(), seen.name, Marks(NOW, "", frozenset())).body,
        network.create_budget(deployment(), seen.name).body,
    ]
    assert list(yaml.safe_load_all((OUTPUT / f"{name}.yaml").read_text())) == children


def test_builders_leave_their_inputs_alone() -> None:
    shape = deepcopy(FULL)
    new = new_revision(shape=shape, secret_name="mlflow-credentials")
    first = template(new, "iris")
    first["metadata"]["labels"]["spoilt"] = "yes"
    first["spec"]["initContainers"][0]["args"].append("spoilt")
    assert shape == FULL
    assert "spoilt" not in digest(template(new, "iris"))
    assert "spoilt" not in str(template(new, "iris"))


def test_a_record_reads_back_as_what_was_written() -> None:
    new = new_revision(shape=FULL, secret_name="s", expected_digest="sha256:x")
    seen = views.record(record.create(deployment(), new, max_artifact_bytes=1).body)
    assert seen is not None
    assert seen.identity == new.identity
    assert seen.shape == new.shape
    assert seen.runtime == new.runtime
    assert (seen.secret_name, seen.expected_digest, seen.number) == ("s", "sha256:x", 1)
    assert seen.content_digest == "sha256:x"


def test_credentials_are_in_fetch_alone() -> None:
    spec = template(new_revision(secret_name="s"), "iris")["spec"]
    seen_by = [
        c["name"]
        for c in spec["initContainers"] + spec["containers"]
        if any(m["name"] == "credentials" for m in c["volumeMounts"])
    ]
    assert seen_by == ["fetch"]


def test_a_token_is_there_only_where_an_account_was_named() -> None:
    """And an account is used only where its label says so: see `references`."""
    assert template(new_revision(), "iris")["spec"]["automountServiceAccountToken"] is False
    named = template(new_revision(shape={"serviceAccountName": "reader"}), "iris")["spec"]
    assert named["serviceAccountName"] == "reader"
    assert "automountServiceAccountToken" not in named, "the account says whether its pods get a token"


def test_a_model_can_write_to_its_scratch_folder_alone() -> None:
    """Nor can it gain a right, or see a folder of the node: Pod Security `restricted`, and more."""
    spec = template(new_revision(secret_name="s", shape=FULL), "iris")["spec"]
    containers = [*spec["initContainers"], *spec["containers"]]
    writable = {
        container["name"]: {m["name"] for m in container["volumeMounts"] if not m.get("readOnly")}
        for container in containers
    }
    # The control: those before it have to write, each to one folder more.
    assert writable == {"fetch": {"tmp", "model"}, "install": {"tmp", "environment"}, "serve": {"tmp"}}
    for container in containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert {kind for v in spec["volumes"] for kind in v.keys() - {"name"}} == {
        "emptyDir",
        "configMap",
        "downwardAPI",
        "secret",
    }


def test_the_parents_labels_stay_with_the_parent() -> None:
    parent = deployment().model_copy(update={"labels": {"argocd.argoproj.io/instance": "x"}})
    body = network.create_service(parent, "iris-v3-1a2b3c4d", Marks(NOW, "", frozenset())).body
    assert "argocd" not in str(body)


def test_marks_that_are_empty_are_removed() -> None:
    marks = Marks(NOW, "", frozenset({"iris-v2-bbbbbbbb", "iris-v1-aaaaaaaa"}))
    assert marks.annotations() == {
        "pintle.dev/since": "2026-01-01T12:00:00.000000Z",
        "pintle.dev/standby": None,
        "pintle.dev/released": "aaaaaaaa,bbbbbbbb",
    }


def test_a_flip_replaces_a_selector_that_somebody_extended() -> None:
    service = {"spec": {"selector": {"app": "mine", "pintle.dev/revision": "iris-v1-aaaaaaaa"}}}
    traffic = Traffic("u", "7", "iris-v1-aaaaaaaa", NOW, "", frozenset(), frozenset(), service)
    body = network.flip(deployment(), traffic, "iris-v3-1a2b3c4d", Marks(NOW, "", frozenset())).body
    assert body["spec"]["selector"] == {  # type: ignore[call-overload]  # a merge patch is a mapping
        "app": None,
        "pintle.dev/deployment": "iris",
        "pintle.dev/revision": "iris-v3-1a2b3c4d",
    }
    assert body["metadata"]["resourceVersion"] == "7"  # type: ignore[call-overload]


def test_the_mounted_file_carries_the_digests_once_cleared() -> None:
    before = workload.revision_file(kept(revision_file={"model": "iris"}))
    index = {"url": None, "caBundle": None}
    assert before == {"model": "iris", "index": index, "contentDigest": None, "environmentDigest": None}
    after = workload.revision_file(kept(revision_file={"model": "iris"}, cleared=cleared()))
    assert after["contentDigest"] == cleared().content_digest


def test_a_large_ca_is_no_annotation() -> None:
    """An annotation holds 256 KiB in all; a corporate CA bundle alone can be that long."""
    index = {"url": "https://pypi.example.com/simple", "caBundle": "x" * 250_000}
    runtime = RuntimeChoice("default", "runtime:1", {}, index)
    seen = views.record(record.create(deployment(), new_revision(runtime=runtime), max_artifact_bytes=1).body)
    assert seen is not None
    body = workload.create(deployment(), seen, 1).body
    assert len(str(body["metadata"]["annotations"])) < 10_000
    assert workload.revision_file(seen)["index"] == index
