"""The ports that tests give to processes: nobody else binds them between the choice and the start."""

import socket

from testbed.settings import SLOTS, Ports
from tests.support.ports import free_port, free_ports


def test_no_port_is_given_twice_nor_to_two_workers() -> None:
    given = [port for worker in ("gw0", "gw1", "gw19") for port in free_ports(worker)]
    assert len(given) > 1000
    assert len(set(given)) == len(given)
    assert free_port() != free_port()


def test_ports_are_neither_ephemeral_nor_the_test_beds() -> None:
    last = max(vars(Ports.of_slot(SLOTS[-1])).values())
    given = [port for worker in ("", "gw19", "gw20") for port in free_ports(worker)]
    assert last < min(given)
    assert max(given) < 30000


def test_a_port_that_somebody_listens_at_is_passed_over() -> None:
    port = next(free_ports("gw7"))
    assert port in list(free_ports("gw7"))
    with socket.create_server(("127.0.0.1", port)):
        assert port not in list(free_ports("gw7"))
