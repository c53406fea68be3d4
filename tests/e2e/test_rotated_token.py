"""The operator's token is rotated, and the one that it began with is refused from then on."""

import base64
import time

import orjson
import pytest
import urllib3

from pintle.domain.resources import MODEL_DEPLOYMENTS
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed
from tests.support.kube import Kube, path
from tests.support.rest import Json
from tests.support.rig import BOOSTED, LINEAR, Rig
from tests.support.waiting import until

# The least that an API server takes. The kubelet renews a token when four fifths of its time are over.
GOOD_FOR_SECONDS = 600
# The API server takes it a minute longer, and remembers for ten seconds whom it belongs to.
LEEWAY_SECONDS = 70
UNAUTHORIZED = 401


@pytest.fixture(scope="module")
def iris(rig: Rig, namespace: str) -> Deployed:
    return Deployed(rig.kube, namespace).serve(LINEAR, BOOSTED)


@pytest.mark.slow
@pytest.mark.timeout(GOOD_FOR_SECONDS + 600)
def test_what_it_began_with_is_refused(rig: Rig, iris: Deployed, figure: Figure) -> None:
    with install.operator_with_tokens_for(rig.kube, GOOD_FOR_SECONDS):
        (pod,) = (p for p in install.operator_pods(rig.kube) if "deletionTimestamp" not in p["metadata"])
        token = _token(rig.kube, pod)
        assert _asked_with(rig, token) != UNAUTHORIZED, "the control: it is taken as long as it is good"
        until(lambda: time.time() > _expires(token), within=GOOD_FOR_SECONDS + 10, what="its time is over")
        until(
            lambda: _asked_with(rig, token) == UNAUTHORIZED,
            within=LEEWAY_SECONDS + 30,
            what="the token that it began with is refused",
        )
        took = [_edited(iris, LINEAR)]
        # Every watch has to be begun anew: a connection that is open is not asked for a token again.
        server = rig.kube.cluster.component("apiserver")
        server.stop(grace=0)
        server.start()
        took.append(_edited(iris, BOOSTED))
        (after,) = install.operator_pods(rig.kube)
        assert after["metadata"]["uid"] == pod["metadata"]["uid"]
        assert [c["restartCount"] for c in after["status"]["containerStatuses"]] == [0]
    figure(f"edits acted upon {took[0]:.1f} s after, and {took[1]:.1f} s after the API server began anew")


def _edited(iris: Deployed, version: str) -> float:
    """Have a version serve that stands by; seconds until it does."""
    began = time.time()
    iris.edit(version=int(version))
    iris.ready(version, within=90)
    return time.time() - began


def _token(kube: Kube, pod: Json) -> str:
    name, file = pod["metadata"]["name"], f"{install.ACCOUNT_FOLDER}/token"
    return kube.kubectl("-n", install.SYSTEM, "exec", name, "--", "cat", file).strip()


def _expires(token: str) -> float:
    """When, in seconds since 1970."""
    claims = token.split(".")[1]
    return float(orjson.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])


def _asked_with(rig: Rig, token: str) -> int:
    """The API server's status for a request with this token and nothing else."""
    with urllib3.PoolManager(ca_certs=rig.api_client.configuration.ssl_ca_cert) as pool:
        at = rig.kube.rest.server + path(MODEL_DEPLOYMENTS)
        return pool.request("GET", at, headers={"Authorization": f"Bearer {token}"}).status
