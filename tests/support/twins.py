"""What a fresh start makes of a spec: to compare with what many edits have come to."""

import json
from dataclasses import dataclass, field
from typing import Any

from pintle import naming
from pintle.domain.resources import BUDGETS, CONFIG_MAPS, CONTROLLER_REVISIONS, DEPLOYMENTS, SERVICES
from tests.support.deployed import Deployed, condition
from tests.support.edit_chains import Revision, Wanted
from tests.support.kube import Kube
from tests.support.rest import Json

NAME = "fresh"


@dataclass
class Twins:
    """Fresh starts, each made once: what has been seen of one is kept."""

    kube: Kube
    namespace: str
    made: dict[Revision, Json] = field(default_factory=dict)
    refused: dict[Revision, str] = field(default_factory=dict)

    def children(self, revision: Revision) -> Json:
        """What a fresh start with a revision makes, as `made` shows it."""
        if revision not in self.made:
            twin = self._start(revision)
            twin.ready(revision.version)
            self.made[revision] = made(twin)
            twin.delete()
        return self.made[revision]

    def refusal(self, revision: Revision, reason: str) -> str:
        """How a fresh start with a revision says that it cannot serve."""
        if revision not in self.refused:
            twin = self._start(revision)
            body = twin.refused(reason)
            self.refused[revision] = _plain(condition(body, "Ready")["message"], twin.name)
            twin.delete()
        return self.refused[revision]

    def _start(self, revision: Revision) -> Deployed:
        """Under a name of its own, so that no twin waits for the end of another."""
        number = len(self.made) + len(self.refused)
        twin = Deployed(self.kube, self.namespace, f"{NAME}{number}")
        spec = Wanted(revision.version, shape=revision.shape, token=revision.token).spec
        twin.create(**{name: value for name, value in spec.items() if value is not None})
        return twin


def made(deployed: Deployed) -> Json:
    """The children of what serves, but for what names and times them, and for the number of pods."""
    serving = deployed.body()["status"]["serving"]["revision"]

    def get(kind: Any, name: str) -> Json:  # noqa: ANN401 - a Resource
        return deployed.kube.get(kind, deployed.namespace, name)

    record, service = get(CONTROLLER_REVISIONS, serving), get(SERVICES, deployed.name)
    workload = get(DEPLOYMENTS, serving)["spec"]
    # The digest that a version had before is known to a record that is made later.
    data = {k: v for k, v in record["data"].items() if k != "expectedDigest"}
    cleared = json.loads(record["metadata"]["annotations"][naming.ANNOTATION_CLEARED])
    found = {
        "record": data,
        "cleared": {k: v for k, v in cleared.items() if k not in ("time", "templateHash")},
        "copy": get(CONFIG_MAPS, serving)["data"],
        "deployment": {k: v for k, v in workload.items() if k != "replicas"},
        "service": {k: service["spec"][k] for k in ("selector", "ports", "type")},
        "budget": get(BUDGETS, deployed.name)["spec"],
        "proven": condition(deployed.body(), "Proven")["reason"],
    }
    whole: Json = json.loads(_plain(json.dumps(found), deployed.name))
    return whole


def refusal(deployed: Deployed) -> str:
    """How it says that what is declared cannot serve."""
    return _plain(condition(deployed.body(), "Ready")["message"], deployed.name)


def _plain(text: str, name: str) -> str:
    """Without the object's name, and without what a message says of pods and of what serves meanwhile."""
    return text.partition(" (pod ")[0].replace(name, "NAME")
