"""The programs of an instance: what is recorded about each, and starting and stopping them.

A record says with which arguments a program was started and which process it became, so that a later run of
the tool finds it, and starts it the same way.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from testbed import processes
from testbed.errors import TestbedError
from testbed.processes import Process
from testbed.settings import Instance

_PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Component:
    """A program to run. `wrapper` comes before `argv` on the command line and becomes its parent."""

    name: str
    argv: tuple[str, ...]
    wrapper: tuple[str, ...] = ()
    grace: float = 10.0


@dataclass(frozen=True)
class Record:
    """A component that was started."""

    component: Component
    process: Process


def start(instance: Instance, component: Component) -> Process:
    """Sees that the component runs with these very arguments, and records it.

    One that runs with other arguments is stopped first; one that runs unrecorded (the run that started it was
    killed) is taken over.

    Raises:
        TestbedError: the program did not start.
    """
    record = read(instance, component.name)
    if record and processes.alive(record.process):
        if record.component == component:
            return record.process
        processes.stop(record.process, record.component.grace)
    process = processes.with_command_line(component.argv) or _launch(instance, component)
    _write(instance, Record(component, process))
    return process


def stop(instance: Instance, name: str, grace: float | None = None) -> None:
    """Stops a component and waits until it has ended. The record stays: `start` can raise it again."""
    record = read(instance, name)
    if record:
        processes.stop(record.process, record.component.grace if grace is None else grace)


def is_running(instance: Instance, component: Component) -> bool:
    """Whether the component runs with these very arguments."""
    record = read(instance, component.name)
    return record is not None and record.component == component and processes.alive(record.process)


def read(instance: Instance, name: str) -> Record | None:
    try:
        content = json.loads((instance.records / f"{name}.json").read_text())
    except FileNotFoundError:
        return None
    component = content["component"]
    return Record(
        Component(
            component["name"], tuple(component["argv"]), tuple(component["wrapper"]), component["grace"]
        ),
        Process(**content["process"]),
    )


def recorded(instance: Instance) -> list[Record]:
    """Every component that was started and not forgotten, running or not."""
    names = sorted(path.stem for path in instance.records.glob("*.json"))
    return [record for name in names if (record := read(instance, name))]


def log_of(instance: Instance, name: str) -> Path:
    return instance.logs / f"{name}.log"


def _launch(instance: Instance, component: Component) -> Process:
    log = log_of(instance, component.name)
    environ = environment(os.environ, proxies=component.name == "containerd")
    spawned = processes.spawn([*component.wrapper, *component.argv], log, environ)
    process = processes.child_of(spawned) if component.wrapper else spawned
    if process is None:
        raise TestbedError(f"{component.name} did not start; its log {log} ends with:\n{tail(log)}")
    return process


def environment(environ: Mapping[str, str], *, proxies: bool) -> dict[str, str]:
    """The environment of a component.

    Without the proxy's settings: they would send requests for the cluster's own addresses to the proxy. Only
    containerd, which pulls images, and talks to nobody else over TCP, keeps them.
    """
    kept = {name: value for name, value in environ.items() if proxies or name.lower() not in _PROXIES}
    kept.pop("KUBECONFIG", None)
    return {**kept, "PATH": f"{environ.get('PATH', '')}:{_SYSTEM_PATH}".lstrip(":")}


def tail(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(there is no log)"


def _write(instance: Instance, record: Record) -> None:
    instance.records.mkdir(parents=True, exist_ok=True)
    path = instance.records / f"{record.component.name}.json"
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(asdict(record), indent=1))
    unfinished.rename(path)
