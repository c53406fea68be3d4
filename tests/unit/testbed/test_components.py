"""Starting, recording, taking over and stopping programs; with real processes."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed import components, processes
from testbed.components import Component
from testbed.settings import Instance


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = Instance("one", 0, tmp_path)
    yield instance
    for record in components.recorded(instance):
        processes.stop(record.process, grace=0)


def sleeper(instance: Instance, seconds: str = "600") -> Component:
    return Component("sleeper", (sys.executable, "-c", f"import time; time.sleep({seconds})", str(instance)))


def test_a_running_component_is_left_alone(instance: Instance) -> None:
    first = components.start(instance, sleeper(instance))
    assert components.is_running(instance, sleeper(instance))
    assert components.start(instance, sleeper(instance)) == first


def test_other_arguments_replace_the_process(instance: Instance) -> None:
    first = components.start(instance, sleeper(instance))
    second = components.start(instance, sleeper(instance, "601"))
    assert not processes.alive(first)
    assert processes.alive(second)


def test_an_unrecorded_process_is_taken_over(instance: Instance) -> None:
    first = components.start(instance, sleeper(instance))
    (instance.records / "sleeper.json").unlink()
    assert components.start(instance, sleeper(instance)) == first


def test_a_stopped_component_starts_again_from_its_record(instance: Instance) -> None:
    first = components.start(instance, sleeper(instance))
    components.stop(instance, "sleeper")
    assert not processes.alive(first)
    record = components.read(instance, "sleeper")
    assert record is not None
    assert record.component == sleeper(instance)
    second = components.start(instance, record.component)
    assert second != first


def test_what_a_component_says_is_in_its_log(instance: Instance) -> None:
    component = Component("talker", (sys.executable, "-c", "import sys; print('out'); sys.exit('error')"))
    process = components.start(instance, component)
    assert processes.wait_until(lambda: not processes.alive(process), 20)
    assert components.tail(components.log_of(instance, "talker")).split() == ["out", "error"]


def test_the_process_behind_a_wrapper_is_recorded(instance: Instance) -> None:
    wrapper = ("/bin/sh", "-c", '"$@" & wait', "sh")
    component = Component("wrapped", sleeper(instance).argv, wrapper)
    process = components.start(instance, component)
    assert processes.wait_until(lambda: processes.command_line(process.pid) == list(component.argv), 20)


def test_a_reused_pid_is_not_ours() -> None:
    me = processes.running(os.getpid())
    assert me is not None
    assert processes.alive(me)
    assert not processes.alive(processes.Process(me.pid, me.started - 1))


@pytest.mark.parametrize(("proxies", "kept"), [(True, True), (False, False)])
def test_proxy_settings(*, proxies: bool, kept: bool) -> None:
    environ = components.environment(
        {"HTTPS_PROXY": "x", "http_proxy": "y", "PATH": "/bin", "KUBECONFIG": "z"}, proxies=proxies
    )
    assert ("HTTPS_PROXY" in environ, "http_proxy" in environ) == (kept, kept)
    assert "KUBECONFIG" not in environ
    assert environ["PATH"].startswith("/bin:")
