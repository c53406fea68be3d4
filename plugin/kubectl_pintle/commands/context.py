"""What every command works with, and the reads that several of them share."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from kubectl_pintle import deployment as deployments
from kubectl_pintle import records
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.kubectl import Kubectl, KubectlError
from kubectl_pintle.names import LABEL_DEPLOYMENT, Json
from kubectl_pintle.records import Record
from kubectl_pintle.screen import Screen

T = TypeVar("T")

# Exit statuses, as grep's: yes, no, and could not tell.
OK, NO, FAILED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Context:
    """The command line, the cluster, and where to print."""

    args: Namespace
    kubectl: Kubectl
    screen: Screen

    @property
    def as_json(self) -> bool:
        """Whether a script reads it."""
        return bool(self.args.output == "json")

    def tell(self, text: str) -> None:
        """Say what is done, beside the result that a script reads."""
        if self.as_json:
            self.screen.say(text)
        else:
            self.screen.print([text])

    def deployment(self, name: str) -> ModelDeployment:
        """The ModelDeployment that the command is about."""
        return deployments.parse(self.kubectl.deployment(name, self.args.namespace))

    def records(self, deployment: ModelDeployment) -> tuple[Record, ...]:
        """Its records."""
        return records.parse(self._labelled("controllerrevisions", deployment), of=deployment.uid)

    def known_records(self, deployment: ModelDeployment) -> tuple[Record, ...]:
        """Its records; none, and a word about it, where they cannot be read: going back needs none."""
        try:
            return self.records(deployment)
        except KubectlError as error:
            self.screen.say(f"the records cannot be read: {error}")
            return ()

    def pods(self, deployment: ModelDeployment) -> list[Json]:
        """Its pods."""
        return self._labelled("pods", deployment)

    def write(self, deployment: ModelDeployment, patch: Json | Sequence[Json]) -> ModelDeployment:
        """Change it, or with --dry-run see whether that would be accepted; it, as it is then."""
        name, namespace = deployment.name, deployment.namespace
        return deployments.parse(self.kubectl.patch(name, namespace, patch, dry_run=self.args.dry_run))

    def _labelled(self, resource: str, deployment: ModelDeployment) -> list[Json]:
        labels = f"{LABEL_DEPLOYMENT}={deployment.name}"
        return self.kubectl.objects(resource, deployment.namespace, labels=labels)


def at_once(*reads: Callable[[], T]) -> list[T | KubectlError]:
    """The answers of several reads, made at the same time; an error stands in the place of its answer."""

    def answer(read: Callable[[], T]) -> T | KubectlError:
        try:
            return read()
        except KubectlError as error:
            return error

    with ThreadPoolExecutor(len(reads)) as pool:
        return list(pool.map(answer, reads))
