"""Which slot an instance gets, and what is left of it."""

import socket
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from testbed import instances
from testbed.errors import TestbedError
from testbed.settings import SLOTS, Ports


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
        somebody.bind(("127.0.0.1", Ports.of_slot(first).etcd))
        somebody.listen()
        assert free_slot() > first


def test_no_slot_left() -> None:
    with pytest.raises(TestbedError, match="slots"):
        instances.choose_slot(set(SLOTS), ())


def test_an_instance_is_found_again_and_forgotten(tmp_path: Path) -> None:
    assert instances.find(tmp_path, "one") is None
    one = instances.find_or_create(tmp_path, "one")
    two = instances.find_or_create(tmp_path, "two")
    assert one.slot != two.slot
    assert instances.find_or_create(tmp_path, "one") == one
    assert instances.every(tmp_path) == [one, two]
    instances.forget(tmp_path, one)
    assert instances.find(tmp_path, "one") is None
    instances.forget(tmp_path, two)
    assert list(tmp_path.iterdir()) == []
