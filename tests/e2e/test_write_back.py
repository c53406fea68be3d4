"""Tags on versions of a real MLflow: who serves and stands by, a registry that is down, and what is gone."""

import json
import time
from collections.abc import Iterator

import pytest

from pintle.domain.resources import CONFIG_MAPS, REGISTRY_CONNECTIONS
from pintle.tags import LEDGER_KEY
from tests.e2e.conftest import Figure
from tests.support.deployed import Deployed
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, NAN, Rig
from tests.support.waiting import until

OTHERS = "owner"
# After the status says so: a second in which changes are gathered, then a few requests.
WRITTEN_SECONDS = 20.0
# A registry that was down for a while is tried again every 64 s by then.
BACK_SECONDS = 150.0
ROLLBACK_SECONDS = 5.0


@pytest.fixture
def iris(rig: Rig, namespace: str) -> Iterator[Deployed]:
    """A deployment of a registry that is told, with a version that has a tag of somebody else's."""
    rig.mlflow.set_tag("iris", LINEAR, OTHERS, "ann")
    rig.kube.merge(REGISTRY_CONNECTIONS, namespace, "mlflow", {"spec": {"writeBack": True}})
    yield Deployed(rig.kube, namespace)
    rig.mlflow.delete_tag("iris", LINEAR, OTHERS)


def ours(rig: Rig, namespace: str) -> dict[str, str]:
    """By version, what the tags of namespace's deployment say; no other tag may be touched."""
    found = rig.mlflow.tags("iris", LINEAR, BOOSTED, NAN)
    assert found[LINEAR].pop(OTHERS) == "ann"
    keys = {key for tags in found.values() for key in tags}
    assert all(key.startswith("pintle.") for key in keys), keys
    said = {v: [text for key, text in tags.items() if f".{namespace}." in key] for v, tags in found.items()}
    return {v: texts[0] for v, texts in said.items() if texts}


def noted(rig: Rig, namespace: str) -> Json:
    """The ledger of the tags of a namespace's deployments."""
    return rig.kube.get(CONFIG_MAPS, namespace, "pintle-tags-mlflow")


def settled(rig: Rig, namespace: str) -> Json:
    """The ledger, once it has noted of each tag that it is written: that comes a moment after the tag."""

    def done() -> Json | None:
        ledger = noted(rig, namespace)
        return ledger if all(entry["written"] for entry in json.loads(ledger["data"][LEDGER_KEY])) else None

    return until(done, within=30, what="all tags are noted", now=lambda: noted(rig, namespace)["data"])


def test_write_back(rig: Rig, iris: Deployed, figure: Figure) -> None:
    namespace = iris.namespace

    def written(wanted: dict[str, str], within: float = WRITTEN_SECONDS) -> float:
        began = time.monotonic()
        until(
            lambda: ours(rig, namespace) == wanted,
            within=within,
            what=f"the tags are {wanted}",
            now=lambda: ours(rig, namespace),
        )
        return time.monotonic() - began

    def serving() -> str:
        return f"serving since {iris.body()['status']['serving']['since']}"

    iris.serve(LINEAR)
    first = written({LINEAR: serving()})
    iris.edit(version=int(BOOSTED))
    iris.ready(BOOSTED)
    written({LINEAR: "standby", BOOSTED: serving()})
    iris.edit(version=int(NAN))
    iris.refused("ProofFailed")
    written({LINEAR: "standby", BOOSTED: serving(), NAN: "rejected: ProofFailed"})
    with rig.mlflow.stopped():
        iris.edit(version=int(LINEAR))
        iris.ready(LINEAR, within=ROLLBACK_SECONDS)
    late = written({LINEAR: serving(), BOOSTED: "standby", NAN: "rejected: ProofFailed"}, within=BACK_SECONDS)
    ledger = settled(rig, namespace)
    mark = rig.audit.mark()
    asked = time.time()
    iris.edit(replicas=2)
    iris.ready(LINEAR)
    assert noted(rig, namespace) == ledger
    made = rig.audit.settled(mark, namespace).requests
    assert not [r for r in made if r.name == "pintle-tags-mlflow" and r.verb != "get"]
    tags = [line for line in rig.mlflow.asked(asked) if "set-tag" in line or "delete-tag" in line]
    assert tags == [], "what was written is not written again"
    iris.delete()
    gone = written({})
    figure(
        f"tags {first:.1f} s after Ready, {late:.1f} s after the registry was back, "
        f"and gone {gone:.1f} s after the deletion"
    )
