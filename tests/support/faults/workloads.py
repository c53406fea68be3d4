"""What users do to a ModelDeployment, as steps for a campaign: each by itself, on an object of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pintle.domain.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, SECRETS, SERVICE_ACCOUNTS
from pintle.naming import CREDENTIALS_TYPE, LABEL_USABLE_BY_MODELS, LABEL_VERSION
from tests.support.fake_pods import Failure, Fate, Stage
from tests.support.faults.lane import CONVERGES_WITHIN, Lane
from tests.support.waiting import until
from tests.support.witness import KINDS, Subject

BAD, STUCK = "8", "9"
FATES = {
    BAD: Fate(failure=Failure("serve", 15, "ProofFailed", "prediction[0] is NaN")),
    STUCK: Fate(until=Stage.SCHEDULED),
}

BY_HAND = "example.com/by-hand"

Act: TypeAlias = Callable[[Lane, Subject], None]


@dataclass(frozen=True)
class Workload:
    """`before` are done and waited for one after the other; `act` is what is done under faults.

    `ends` is the reason of Ready at the end, "" where nothing is to be left. Where not `exact`, how many pods
    are made on the way depends on who is quicker.
    """

    name: str
    act: Act
    before: tuple[Act, ...] = ()
    ends: str = "Serving"
    exact: bool = True


def create(**spec: object) -> Act:
    return lambda lane, subject: lane.create(subject, spec)


def edit(**spec: object) -> Act:
    return lambda lane, subject: lane.edit(subject, **spec)


def create_with_connection(lane: Lane, subject: Subject) -> None:
    """A registry of its own, too: the writes about that one are writes of this workload."""
    lane.connect(subject.name, lane.bench.registry.uri)
    lane.create(subject, {"version": 1, "registryRef": {"name": subject.name}})


def delete(lane: Lane, subject: Subject) -> None:
    lane.delete(subject)


def delete_amid_a_change(lane: Lane, subject: Subject) -> None:
    """Delete it when a candidate's pods are there, and wait to be fetched."""
    lane.edit(subject, version=STUCK)

    def candidate() -> bool:
        pods = lane.bench.witness.objects(subject, PODS)
        waiting = [p for p in pods if p["metadata"]["labels"].get(LABEL_VERSION) == STUCK]
        return len(waiting) == 2 and bool(lane.reason(subject) == "Starting")

    until(candidate, within=CONVERGES_WITHIN, what=f"{subject.name} has a candidate", now=lane.tail)
    lane.delete(subject)


def delete_and_recreate(lane: Lane, subject: Subject) -> None:
    lane.delete(subject)
    lane.create(subject, {"version": 1})


def create_with_credentials(lane: Lane, subject: Subject) -> None:
    """A registry with a Secret and a CA, which the operator reads."""
    kube, name = lane.bench.kube, {"metadata": {"name": subject.name}}
    password = {"stringData": {"username": "planted", "password": "planted"}}
    kube.create(SECRETS, lane.namespace, name | {"type": CREDENTIALS_TYPE} | password)
    authority = Path(lane.bench.login.ca_path or "").read_text()
    kube.create(CONFIG_MAPS, lane.namespace, name | {"data": {"ca.crt": authority}})
    references = {
        "secretRef": {"name": subject.name},
        "caBundle": {"configMapRef": {"name": subject.name, "key": "ca.crt"}},
    }
    lane.connect(subject.name, lane.bench.registry.uri, references)
    lane.create(subject, {"version": 1, "registryRef": {"name": subject.name}})


def create_with_account(lane: Lane, subject: Subject) -> None:
    """Pods with a ServiceAccount, whose label the operator reads."""
    labels = {LABEL_USABLE_BY_MODELS: "true"}
    body = {"metadata": {"name": subject.name, "labels": labels}}
    lane.bench.kube.create(SERVICE_ACCOUNTS, lane.namespace, body)
    lane.create(subject, {"version": 1, "serviceAccountName": subject.name})


def change_template(lane: Lane, subject: Subject) -> None:
    """Change what pods run, by hand, and wait until it is put back."""
    witness = lane.bench.witness
    (deployment,) = witness.objects(subject, DEPLOYMENTS)
    metadata = deployment["metadata"]
    patch = {"spec": {"template": {"metadata": {"annotations": {BY_HAND: "yes"}}}}}
    changed = lane.bench.kube.merge(DEPLOYMENTS, metadata["namespace"], metadata["name"], patch)

    def put_back() -> bool:
        (found,) = witness.objects(subject, DEPLOYMENTS)
        later = found["metadata"]["generation"] > changed["metadata"]["generation"]
        return later and BY_HAND not in (found["spec"]["template"]["metadata"].get("annotations") or {})

    until(put_back, within=CONVERGES_WITHIN, what=f"{subject.name} has its template back", now=lane.tail)


V1, V2 = create(version=1), edit(version=2)
WORKLOADS = (
    Workload("create", create_with_connection),
    Workload("version change", V2, (V1,)),
    Workload("rollback", edit(version=1), (V1, V2)),
    Workload("scale up", edit(replicas=3), (V1, V2)),
    Workload("scale down", edit(replicas=1), (V1, V2)),
    Workload("bad version", edit(version=BAD), (V1,), "ProofFailed"),
    Workload("third version", edit(version=3), (create(version=1, revisionHistoryLimit=0), V2)),
    Workload("delete", delete, (V1, V2), ""),
    Workload("delete amid a change", delete_amid_a_change, (V1,), ""),
    Workload("delete and recreate", delete_and_recreate, (V1,)),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}

# What else the operator asks for: these are for errors of its requests.
MORE = (
    Workload("no budget", edit(disruptionBudget="None"), (V1,)),
    Workload("changed template", change_template, (V1,), exact=False),
    Workload("credentials", create_with_credentials),
    Workload("service account", create_with_account),
)


def at_rest(lane: Lane, subject: Subject, ends: str) -> bool:
    """Whether a workload has come to its end, so far as can be told without a clean run."""
    if ends:
        return lane.reason(subject) == ends
    return not any(lane.bench.witness.objects(subject, kind) for kind in KINDS)
