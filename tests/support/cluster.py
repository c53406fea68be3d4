"""Fixtures of tests that need a real API server; import those that you use into your ``conftest.py``.

    from tests.support.cluster import api_client, api_server, crds, kubectl, namespace, rest

The cluster is the one that TESTBED and TESTBED_NAME mean. It is raised if it is not up, and left up.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from kubernetes import client, config

from testbed import api
from testbed.cluster import Cluster
from tests.support.kube import RESTRICTED
from tests.support.pod_security import restricting
from tests.support.rest import Rest
from tests.support.schemas import CRDS, REPOSITORY, definitions

Kubectl = Callable[..., str]


@pytest.fixture(scope="session")
def api_server() -> Iterator[Cluster]:
    """A cluster of which no more than the API server is needed; there may be no node and no controller."""
    cluster = api.ensure(control_plane_only=True)
    with restricting(cluster):
        yield cluster


@pytest.fixture(scope="session")
def api_client(api_server: Cluster) -> Iterator[client.ApiClient]:
    """The official client, as the administrator."""
    settings = client.Configuration()
    config.load_kube_config(  # type: ignore[no-untyped-call] # the client's, without types
        str(api_server.kubeconfig), client_configuration=settings
    )
    with client.ApiClient(settings) as connected:
        yield connected


@pytest.fixture(scope="session")
def rest(api_client: client.ApiClient) -> Rest:
    """Plain requests, as the administrator."""
    return Rest(api_client)


@pytest.fixture(scope="session")
def kubectl(api_server: Cluster) -> Kubectl:
    """`kubectl(*arguments, stdin=...)`: what the command prints. If it fails, so does the test."""
    assert api_server.kubeconfig.exists()

    def run(*arguments: str, stdin: str | None = None) -> str:
        command = [sys.executable, "-m", "testbed", "kubectl", *arguments]
        done = subprocess.run(
            command, cwd=REPOSITORY, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def crds(kubectl: Kubectl) -> None:
    """The three kinds of this working tree, established and served."""
    kubectl("apply", "--server-side", "--force-conflicts", "-k", str(CRDS))
    names = [crd["metadata"]["name"] for crd in definitions().values()]
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *(f"crd/{name}" for name in names))


@pytest.fixture
def namespace(rest: Rest) -> Iterator[str]:
    """A namespace of the test's own; its deletion is asked for and not waited for."""
    metadata = {"generateName": "test-", "labels": RESTRICTED}
    name = rest.ok("POST", "/api/v1/namespaces", {"metadata": metadata})["metadata"]["name"]
    yield name
    rest.ok("DELETE", f"/api/v1/namespaces/{name}")
