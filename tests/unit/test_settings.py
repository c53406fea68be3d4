"""What an administrator sets, and how a mistake is refused."""

import pytest

from pintle.domain import Defaults
from pintle.settings import Settings, SettingsError, load


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load({}) == Settings()
    assert load({}).defaults() == Defaults()


def test_every_setting_can_be_set() -> None:
    given = {
        "PINTLE_RESYNC_SECONDS": "60",
        "PINTLE_WORKERS": "2",
        "PINTLE_STANDBY_SECONDS": "0",
        "PINTLE_MAX_ARTIFACT_BYTES": "1000",
        "PINTLE_REGISTRY_ALLOWED_NETWORKS": "127.0.0.0/8, ::1/128",
        "PINTLE_REGISTRY_REFUSED_NETWORKS": "10.96.0.0/12",
        "PINTLE_LEADER_ELECTION": "false",
        "PINTLE_LEASE_SECONDS": "30",
        "PINTLE_NAMESPACES": "team-a,team-b,",
        "PINTLE_HTTP_PORT": "9000",
        "PINTLE_METRICS_PER_OBJECT": "false",
        "PINTLE_LOG_LEVEL": "DEBUG",
        "PINTLE_CLUSTER_NAME": "prod-eu",
        "POD_NAME": "pintle-operator-0",
        "POD_NAMESPACE": "mlops",
        "POD_SERVICE_ACCOUNT": "pintle",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    }
    settings = load(given)
    assert len(given) == len(Settings.model_fields)
    assert settings == Settings(
        resync_seconds=60,
        workers=2,
        standby_seconds=0,
        max_artifact_bytes=1000,
        registry_allowed_networks=("127.0.0.0/8", "::1/128"),
        registry_refused_networks=("10.96.0.0/12",),
        leader_election=False,
        lease_seconds=30,
        cluster_name="prod-eu",
        namespaces=("team-a", "team-b"),
        http_port=9000,
        metrics_per_object=False,
        log_level="DEBUG",
        pod_name="pintle-operator-0",
        pod_namespace="mlops",
        pod_service_account="pintle",
        kubernetes_service_host="10.96.0.1",
    )
    assert settings.account == "mlops:pintle"
    assert settings.defaults() == Defaults(standby_seconds=0, max_artifact_bytes=1000)


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("10.96.0.1", ("10.0.0.0/8", "10.96.0.1/32")),
        ("fd00::1", ("10.0.0.0/8", "fd00::1/128")),
        ("api.example.com", ("10.0.0.0/8",)),
        ("", ("10.0.0.0/8",)),
    ],
)
def test_no_registry_is_where_the_api_server_is(host: str, refused: tuple[str, ...]) -> None:
    given = {"KUBERNETES_SERVICE_HOST": host, "PINTLE_REGISTRY_REFUSED_NETWORKS": "10.0.0.0/8"}
    assert load(given).refused_networks() == refused


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PINTLE_WORKERS", "many", "valid integer"),
        ("PINTLE_WORKERS", "0", "greater than or equal to 1"),
        ("PINTLE_RESYNC_SECONDS", "1", "greater than or equal to 10"),
        ("PINTLE_STANDBY_SECONDS", "-1", "greater than or equal to 0"),
        ("PINTLE_HTTP_PORT", "tcp://10.96.0.1:80", "valid integer"),
        ("PINTLE_LOG_LEVEL", "loud", "'DEBUG', 'INFO'"),
        ("PINTLE_METRICS_PER_OBJECT", "perhaps", "valid boolean"),
        ("PINTLE_NAMESPACES", "Team_A", "pattern"),
        ("PINTLE_CLUSTER_NAME", "prod.eu", "pattern"),
        ("PINTLE_REGISTRY_ALLOWED_NETWORKS", "10.0.0.0/33", "10.0.0.0/33"),
        ("PINTLE_REGISTRY_REFUSED_NETWORKS", "10.0.0.1/8", "host bits set"),
    ],
)
def test_a_mistake_is_refused_by_name(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({name: value})
    assert str(caught.value).startswith(f"{name}={value!r}: ")
    assert says in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"PINTLE_WORKERS": "x", "PINTLE_HTTP_PORT": "y"})
    assert len(str(caught.value).splitlines()) == 2


def test_what_kubernetes_makes_for_a_service_called_pintle_is_passed_over() -> None:
    assert load({"PINTLE_PORT": "tcp://10.96.0.1:80", "PINTLE_SERVICE_HOST": "10.96.0.1"}) == Settings()


def test_an_empty_variable_counts_as_left_out() -> None:
    assert load({"PINTLE_WORKERS": "", "PINTLE_NAMESPACES": " "}) == Settings()
