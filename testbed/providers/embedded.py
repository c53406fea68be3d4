"""The cluster that the test bed raises itself, from its own build of Kubernetes."""

import contextlib
import datetime as dt
import shutil
from collections.abc import Sequence
from pathlib import Path

from testbed import cleanup, components, embedded, instances, node, progress
from testbed.commands import run
from testbed.errors import TestbedError
from testbed.images import containerd, project
from testbed.images import embedded as images
from testbed.locks import locked
from testbed.providers.base import Access
from testbed.settings import REPOSITORY, Instance, cache_dir


class EmbeddedProvider:
    """An instance in the folder of the instances, by name; `kubernetes` is the version to raise."""

    def __init__(self, state: Path, name: str, kubernetes: str) -> None:
        self._state = state
        self._name = name
        self._kubernetes = kubernetes
        self._lock = state / f".{name}.lock"

    def up(self, *, control_plane_only: bool) -> Access:
        with_node = not control_plane_only
        instances.find_of_version(self._state, self._name, self._kubernetes)  # before the minutes of a build
        programs = embedded.prepare(self._kubernetes, with_node=with_node)
        with locked(self._lock, self._waiting):
            instance = instances.find_or_create(self._state, self._name, self._kubernetes)
            embedded.up(instance, programs, with_node=with_node, now=dt.datetime.now(dt.UTC))
        return _access(instance)

    def down(self) -> None:
        with locked(self._lock, self._waiting):
            if instance := instances.find(self._state, self._name):
                with progress.step(f"Removing the cluster {self._name}"):
                    cleanup.remove(instance)
                    instances.forget(self._state, instance)
            self._lock.unlink()
        with contextlib.suppress(OSError):  # other instances lie there
            self._state.rmdir()

    def find(self) -> Access:
        return _access(self._instance())

    def status(self) -> tuple[bool, str]:
        instance = self._instance()
        problems = embedded.unhealthy(instance, embedded.programs_of(instance))
        extent = "one node" if instance.node_mark.exists() else "control plane only"
        lines = [
            f"cluster     {self._name} ({extent})",
            f"kubernetes  {instance.kubernetes}",
            f"server      {embedded.server(instance)}",
            f"kubeconfig  {instance.kubeconfig}",
            f"logs        {instance.logs}",
            f"state       {'; '.join(problems) or 'up'}",
        ]
        return not problems, "\n".join(lines)

    def load(self, archives: Sequence[Path]) -> None:
        inside = self._inside()
        for path in archives:
            if not path.is_file():
                raise TestbedError(f"there is no file {path}")
            with progress.step(f"Loading {path.name}"), path.open("rb") as archive:
                containerd.load(inside, archive)

    def build_images(self, targets: Sequence[str]) -> None:
        instance, inside = self._instance(), self._inside()
        images.provide(
            project.images(REPOSITORY, targets),
            repository=REPOSITORY,
            cache=cache_dir(),
            inside=inside,
            record=instance.directory / "images.json",
        )

    def kubectl(self) -> list[str]:
        return embedded.kubectl(self._instance())

    def save_logs(self, destination: Path) -> None:
        shutil.copytree(self._instance().logs, destination, dirs_exist_ok=True)

    def stop_component(self, name: str, *, grace: float | None = None) -> None:
        components.stop(self._instance(), self._record(name).component.name, grace)

    def start_component(self, name: str) -> None:
        instance, component = self._instance(), self._record(name).component
        components.start(instance, component)
        embedded.await_component(instance, component)

    def kill_container(self, container_id: str) -> None:
        run(containerd.kill_command(self._inside(), container_id))

    def _record(self, name: str) -> components.Record:
        record = components.read(self._instance(), name)
        if record is None:
            known = ", ".join(record.component.name for record in components.recorded(self._instance()))
            raise TestbedError(f"cluster {self._name} has no component {name!r}; it has {known}")
        return record

    def _instance(self) -> Instance:
        instance = instances.find(self._state, self._name)
        if instance is None:
            raise TestbedError(f"cluster {self._name} does not exist: raise it with `python -m testbed up`")
        return instance

    def _inside(self) -> list[str]:
        first = embedded.first_process(self._instance())
        if first is None:
            raise TestbedError(
                f"cluster {self._name} has no running node: raise it with `python -m testbed up`"
            )
        return node.inside(first.pid)

    def _waiting(self) -> None:
        progress.say(f"waiting for another run that works on cluster {self._name}")


def _access(instance: Instance) -> Access:
    return Access(instance.name, instance.kubeconfig, instance.logs, instance.audit_log)
