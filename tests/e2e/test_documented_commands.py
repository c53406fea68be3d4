"""The how-to pages, command by command, as a reader follows them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pintle.domain.resources import CLUSTER_REGISTRY_CONNECTIONS, DEPLOYMENTS, MODEL_RUNTIMES
from tests.e2e.conftest import Figure
from tests.support import install
from tests.support.deployed import Deployed
from tests.support.gitops import flux
from tests.support.kube import EVENTS
from tests.support.mlflow_pod import MlflowPod
from tests.support.readers import PRIVATE, Reader, newcomer, reader, serving
from tests.support.rig import BOOSTED, LINEAR, NAMES, NAN
from tests.support.waiting import until

__all__ = ["newcomer", "reader"]

# A page has up to three rollouts, and waits for one refusal.
pytestmark = pytest.mark.timeout(1200)


@contextmanager
def _stopped_again(mlflow: MlflowPod) -> Iterator[None]:
    """See that the registry of all tests runs afterwards, however the page ends."""
    try:
        yield
    finally:
        mlflow.start()


def test_deploy_a_model(newcomer: Reader, figure: Figure) -> None:
    figure(f"{newcomer.follow('deploy-a-model.md')} commands")


def test_roll_back(reader: Reader, figure: Figure) -> None:
    iris = Deployed(reader.rig.kube, reader.namespace)
    mlflow = reader.rig.mlflow

    def version_2() -> None:
        iris.edit(version=int(BOOSTED))
        iris.ready(BOOSTED)

    with _stopped_again(mlflow):
        count = reader.follow(
            "roll-back.md",
            two_versions=lambda: serving(reader, LINEAR, BOOSTED),
            version_2=version_2,
            registry_down=mlflow.stop,
            registry_up=mlflow.start,
        )
    figure(f"{count} commands")


@pytest.mark.slow
def test_kubectl_plugin(reader: Reader, figure: Figure) -> None:
    def flux_applies() -> None:
        manifest = {
            "apiVersion": "pintle.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": "iris", "namespace": reader.namespace},
            "spec": {"registryRef": {"name": "mlflow"}, "model": "iris", "version": int(BOOSTED)},
        }
        flux.apply([manifest], reader.rig.kube.cluster.kubeconfig)
        Deployed(reader.rig.kube, reader.namespace).ready(BOOSTED)

    count = reader.follow(
        "kubectl-plugin.md",
        two_versions=lambda: serving(reader, LINEAR, BOOSTED),
        flux_applies=flux_applies,
    )
    figure(f"{count} commands")


@pytest.mark.slow
def test_follow_an_alias(reader: Reader, figure: Figure) -> None:
    mlflow = reader.rig.mlflow

    def champion(version: str) -> Callable[[], None]:
        return lambda: mlflow.set_alias("iris", "champion", version)

    def no_champion() -> None:
        mlflow.delete_alias("iris", "champion")

    with _stopped_again(mlflow):
        count = reader.follow(
            "follow-an-alias.md",
            champion_1=champion(LINEAR),
            champion_2=champion(BOOSTED),
            no_champion=no_champion,
            registry_down=mlflow.stop,
            registry_up=mlflow.start,
        )
    no_champion()
    figure(f"{count} commands")


@pytest.mark.slow
def test_require_approval(reader: Reader, figure: Figure) -> None:
    mlflow, tag = reader.rig.mlflow, "validation_status"
    try:
        count = reader.follow(
            "require-approval.md",
            one_version=lambda: serving(reader, LINEAR),
            approve_2=lambda: mlflow.set_tag("iris", BOOSTED, tag, "approved"),
        )
    finally:
        mlflow.set_tag("iris", BOOSTED, tag, "")
        mlflow.delete_tag("iris", BOOSTED, tag)
    figure(f"{count} commands")


@pytest.mark.slow
def test_golden_cases(reader: Reader, figure: Figure) -> None:
    assert (BOOSTED, NAMES) == ("2", "3"), "the page calls them so"
    count = reader.follow("golden-cases.md", one_version=lambda: serving(reader, LINEAR))
    figure(f"{count} commands")


@pytest.mark.slow
def test_what_served_when(reader: Reader, figure: Figure) -> None:
    count = reader.follow("what-served-when.md", one_version=lambda: serving(reader, LINEAR))
    figure(f"{count} commands")


@pytest.mark.slow
def test_replace_first(reader: Reader, figure: Figure) -> None:
    assert NAN == "4", "the page calls the version that answers NaN so"
    count = reader.follow("replace-first.md", one_version=lambda: serving(reader, LINEAR))
    figure(f"{count} commands")


@pytest.mark.slow
def test_write_back(reader: Reader, figure: Figure) -> None:
    def tags_are_there() -> None:
        until(
            lambda: [v for v in (LINEAR, BOOSTED) if _tag(reader, v)] == [LINEAR, BOOSTED],
            within=60,
            what="both versions have their tags",
        )

    count = reader.follow(
        "write-back.md",
        two_versions=lambda: serving(reader, LINEAR, BOOSTED),
        tags_are_there=tags_are_there,
    )
    figure(f"{count} commands; {_tag(reader, LINEAR)}, {_tag(reader, BOOSTED)}")


def _tag(reader: Reader, version: str) -> str:
    """What a version's tag says of the reader's deployment."""
    tags = reader.rig.mlflow.tags("iris", version)[version]
    return next((v for k, v in tags.items() if k.endswith(f".{reader.namespace}.iris")), "")


@pytest.mark.slow
def test_keep_it_up(reader: Reader, figure: Figure) -> None:
    kube = reader.rig.kube
    try:
        count = reader.follow("keep-it-up.md", version_2_serves=lambda: serving(reader, BOOSTED))
    finally:
        kube.scale(DEPLOYMENTS, install.SYSTEM, install.OPERATOR, 1)
        install.wait(kube)
    figure(f"{count} commands")


@pytest.mark.slow
def test_share_a_registry(reader: Reader, figure: Figure) -> None:
    kube = reader.rig.kube
    try:
        count = reader.follow("share-a-registry.md")
    finally:
        kube.delete(CLUSTER_REGISTRY_CONNECTIONS, "", "central")
    figure(f"{count} commands")


def test_watch_and_debug(reader: Reader, figure: Figure) -> None:
    assert NAN == "4", "the page calls the version that answers NaN so"
    serving(reader, LINEAR)

    def event_is_there() -> None:
        """Events are written one by one, after the status."""
        until(
            lambda: "ProofFailed" in {e["reason"] for e in reader.rig.kube.list(EVENTS, reader.namespace)},
            within=30,
            what="an Event tells of the refusal",
        )

    figure(f"{reader.follow('watch-and-debug.md', event_is_there=event_is_there)} commands")


def test_choose_a_runtime(reader: Reader, figure: Figure) -> None:
    try:
        count = reader.follow("choose-a-runtime.md", one_version=lambda: serving(reader, LINEAR))
    finally:
        reader.rig.kube.delete(MODEL_RUNTIMES, "", "boosting")
    figure(f"{count} commands")


def test_registry_credentials(newcomer: Reader, figure: Figure) -> None:
    private = MlflowPod(newcomer.rig.kube, PRIVATE, users=True)

    def registry_with_users() -> None:
        private.create()
        private.wait()
        bundle = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")).read_text()
        first = bundle[: bundle.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
        (newcomer.folder / "ca.crt").write_text(first)

    try:
        count = newcomer.follow("registry-credentials.md", registry_with_users=registry_with_users)
    finally:
        private.delete()
    figure(f"{count} commands")
