"""Which slot an instance gets, and what is left of it."""

import socket
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from testbed import instances
from testbed.errors import TestbedError
from testbed.settings import KUBERNETES_VERSION, OLDEST_KUBERNETES_VERSION, SLOTS, Instance, Ports


def free_slot() -> int:
    return instances.choose_slot((), ())


def test_a_taken_slot_is_not_given_again() -> None:
    first = free_slot()
    assert instances.choose_slot({first}, ()) > first


@pytest.mark.parametrize("third", [96, 128, 160])
def test_a_slot_over_a_network_of_the_machine_is_not_given(third: int) -> None:
    first = free_slot()
    assert instances.choose_slot((), [IPv4Network(f"10.{third + first}.0.0/16")]) > first


def test_a_slot_with_a_taken_port_is_not_given() -> None:
    first = free_slot()
    with socket.socket() as somebody:
        # Else connections that ended there a moment ago would be in the way.
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", Ports.of_slot(first).etcd))
        somebody.listen()
        assert free_slot() > first


def test_no_slot_left() -> None:
    with pytest.raises(TestbedError, match="slots"):
        instances.choose_slot(set(SLOTS), ())


def test_an_instance_is_found_again_and_forgotten(tmp_path: Path) -> None:
    assert instances.find(tmp_path, "one") is None
    one = instances.find_or_create(tmp_path, "one", KUBERNETES_VERSION)
    two = instances.find_or_create(tmp_path, "two", OLDEST_KUBERNETES_VERSION)
    assert one.slot != two.slot
    assert instances.find_or_create(tmp_path, "one", KUBERNETES_VERSION) == one
    assert instances.every(tmp_path) == [one, two]
    instances.forget(tmp_path, one)
    assert instances.find(tmp_path, "one") is None
    instances.forget(tmp_path, two)
    assert list(tmp_path.iterdir()) == []


def test_an_instance_is_of_one_kubernetes_all_its_life(tmp_path: Path) -> None:
    one = instances.find_or_create(tmp_path, "one", OLDEST_KUBERNETES_VERSION)
    assert one.kubernetes == OLDEST_KUBERNETES_VERSION
    refusal = rf"one is of Kubernetes {OLDEST_KUBERNETES_VERSION}.*{KUBERNETES_VERSION} is asked for.*down"
    with pytest.raises(TestbedError, match=refusal):
        instances.find_or_create(tmp_path, "one", KUBERNETES_VERSION)
    assert instances.find_or_create(tmp_path, "one", OLDEST_KUBERNETES_VERSION) == one
    instances.forget(tmp_path, one)
    assert instances.find_or_create(tmp_path, "one", KUBERNETES_VERSION).kubernetes == KUBERNETES_VERSION


def test_an_instance_that_does_not_say_is_of_the_usual_kubernetes(tmp_path: Path) -> None:
    """One that was raised before there was a choice."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one/instance.json").write_text('{"slot": 3}')
    found = instances.find_of_version(tmp_path, "one", KUBERNETES_VERSION)
    assert found == Instance("one", 3, tmp_path / "one")
    with pytest.raises(TestbedError, match="TESTBED_KUBERNETES"):
        instances.find_of_version(tmp_path, "one", OLDEST_KUBERNETES_VERSION)
