"""The cluster that the test bed raises itself, from its own build of Kubernetes."""

import contextlib
import datetime
from collections.abc import Sequence
from pathlib import Path

from testbed import cleanup, embedded, gobuild, instances, node, progress
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.images import containerd, project
from testbed.images import embedded as images
from testbed.locks import locked
from testbed.settings import REPOSITORY, Instance, cache_dir


class EmbeddedProvider:
    """An instance in the folder of the instances, by name."""

    def __init__(self, state: Path, name: str) -> None:
        self._state = state
        self._name = name
        self._lock = state / f".{name}.lock"

    def up(self, *, control_plane_only: bool) -> Cluster:
        with locked(self._lock, self._waiting):
            instance = instances.find_or_create(self._state, self._name)
            now = datetime.datetime.now(datetime.UTC)
            embedded.up(instance, with_node=not control_plane_only, now=now)
        return _cluster(instance)

    def down(self) -> None:
        with locked(self._lock, self._waiting):
            if instance := instances.find(self._state, self._name):
                with progress.step(f"Removing the cluster {self._name}"):
                    cleanup.remove(instance)
                    instances.forget(self._state, instance)
            self._lock.unlink()
        with contextlib.suppress(OSError):  # other instances lie there
            self._state.rmdir()

    def find(self) -> Cluster | None:
        instance = instances.find(self._state, self._name)
        return _cluster(instance) if instance else None

    def status(self) -> str:
        instance = instances.find(self._state, self._name)
        if instance is None:
            return f"cluster {self._name} does not exist: `python -m testbed up` makes it"
        problems = embedded.unhealthy(instance, gobuild.ensure(cache_dir()))
        lines = [
            f"cluster     {self._name} ({'with a node' if embedded.has_node(instance) else 'control plane only'})",
            f"server      {embedded.server(instance)}",
            f"kubeconfig  {instance.kubeconfig}",
            f"logs        {instance.logs}",
            f"state       {'; '.join(problems) or 'up'}",
        ]
        return "\n".join(lines)

    def load(self, archives: Sequence[Path]) -> None:
        inside = self._inside()
        for path in archives:
            with progress.step(f"Loading {path.name}"), path.open("rb") as archive:
                containerd.load(inside, archive)

    def build_images(self, targets: Sequence[str]) -> None:
        instance = self._instance()
        images.provide(
            project.images(REPOSITORY, targets),
            repository=REPOSITORY,
            cache=cache_dir(),
            inside=self._inside(),
            record=instance.directory / "images.json",
        )

    def kubectl(self) -> list[str]:
        instance = self._instance()
        programs = gobuild.ensure(cache_dir())
        return [str(programs.kube), "kubectl", f"--kubeconfig={instance.kubeconfig}"]

    def _instance(self) -> Instance:
        instance = instances.find(self._state, self._name)
        if instance is None:
            raise TestbedError(f"cluster {self._name} does not exist: raise it with `python -m testbed up`")
        return instance

    def _inside(self) -> list[str]:
        first = embedded.first_process(self._instance())
        if first is None:
            raise TestbedError(f"cluster {self._name} has no running node: raise it with `python -m testbed up`")
        return node.inside(first.pid)

    def _waiting(self) -> None:
        progress.say(f"waiting for another run that works on cluster {self._name}")


def _cluster(instance: Instance) -> Cluster:
    return Cluster(instance.name, instance.kubeconfig, instance.logs, instance.audit_log)


