"""Command lines of the control plane."""

from pathlib import Path

from testbed import controlplane
from testbed.gobuild import Programs
from testbed.settings import Instance

INSTANCE = Instance("one", 2, Path("/state/one"))
PROGRAMS = Programs(Path("/programs"))


def flags(name: str, *, with_node: bool) -> dict[str, str]:
    planned = controlplane.planned(INSTANCE, PROGRAMS, with_node=with_node)
    argv = next(component.argv for component in planned if component.name == name)
    assert argv[:2] == ("/programs/kube", name)
    return dict(flag.removeprefix("--").split("=", 1) for flag in argv[2:])


def test_alone_it_listens_on_the_loopback() -> None:
    assert flags("apiserver", with_node=False)["bind-address"] == "127.0.0.1"
    assert controlplane.server(INSTANCE, with_node=False) == "https://127.0.0.1:16460"


def test_with_a_node_it_listens_where_pods_reach_it() -> None:
    assert flags("apiserver", with_node=True)["bind-address"] == "10.162.0.1"
    assert controlplane.server(INSTANCE, with_node=True) == "https://10.162.0.1:16460"


def test_adding_a_node_changes_what_has_to_be_restarted_and_nothing_else() -> None:
    alone = controlplane.planned(INSTANCE, PROGRAMS, with_node=False)
    full = controlplane.planned(INSTANCE, PROGRAMS, with_node=True)
    assert [component.name for component in full] == ["etcd", "apiserver", "controller-manager", "scheduler"]
    changed = {new.name for new in full if new not in alone}
    assert changed == {"apiserver", "controller-manager", "scheduler"}


def test_only_the_api_server_listens_beyond_the_loopback() -> None:
    assert flags("etcd", with_node=True)["listen-client-urls"] == "http://127.0.0.1:16461"
    assert flags("controller-manager", with_node=True)["bind-address"] == "127.0.0.1"
    assert flags("scheduler", with_node=True)["bind-address"] == "127.0.0.1"


def test_every_request_is_in_one_audit_log() -> None:
    api_server = flags("apiserver", with_node=True)
    assert api_server["audit-log-path"] == str(INSTANCE.audit_log)
    assert int(api_server["audit-log-maxsize"]) >= 1024
