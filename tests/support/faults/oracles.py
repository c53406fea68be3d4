"""What has to be true of a run with faults: that it ends as one without, by the same steps, and says no lie.

After `facts` of how others test controllers: Sieve (OSDI '22) compares end states, and counts creations and
deletions of each object; Anvil (OSDI '24) asks that the state, once reached, stays.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import orjson

from pintle.domain import Resource
from pintle.domain.resources import (
    BUDGETS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    MODEL_DEPLOYMENTS,
    PODS,
    REGISTRY_CONNECTIONS,
    SERVICES,
)
from pintle.naming import ANNOTATION_CLEARED, ANNOTATION_ROLE, LABEL_REVISION, LABEL_VERSION
from tests.support.rest import Json
from tests.support.witness import KINDS, Seen, Subject

# What differs between two clean runs, and nothing else.
_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"until \d\d:\d\d"), "until TIME"),
    (re.compile(r"\"durationSeconds\":[\d.]+"), '"durationSeconds":0'),
    (re.compile(r"\\\"templateHash\\\":\\\"sha256:[0-9a-f]{64}"), r"\"templateHash\":\"HASH"),
    (re.compile(r"-[a-z0-9]{8,10}-[a-z0-9]{5}\b"), "-POD"),
)
_REVISION = re.compile(r"-v(\d+)-([0-9a-f]{8})\b")
_NOISE = ("uid", "resourceVersion", "creationTimestamp", "managedFields")
# Status that other controllers write and nobody of ours compares; their outcome is in the pods and slices.
_OTHERS_STATUS = (DEPLOYMENTS, BUDGETS, SERVICES)
_WHOLE = (
    MODEL_DEPLOYMENTS,
    REGISTRY_CONNECTIONS,
    CONTROLLER_REVISIONS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    SERVICES,
    BUDGETS,
)


class Objects(Protocol):
    """What there is: a `Witness`, or an API server in memory."""

    def objects(self, subject: Subject, resource: Resource) -> list[Json]:
        """The objects of a kind that belong to a subject, by name."""


def end_state(witness: Objects, subject: Subject) -> dict[str, Any]:
    """The objects as they are now, but for uids, times, resourceVersions and generated names."""
    state: dict[str, Any] = {
        f"{resource.kind} {obj['metadata']['name']}": _shown(resource, obj)
        for resource in _WHOLE
        for obj in witness.objects(subject, resource)
    }
    pods = witness.objects(subject, PODS)
    state["pods"] = Counter(map(_pod, pods))
    state["endpoints"] = _endpoints(witness, subject, pods)
    masked: dict[str, Any] = orjson.loads(
        _mask(orjson.dumps(state, option=orjson.OPT_SORT_KEYS).decode(), subject)
    )
    return masked


def made_and_gone(history: Iterable[Seen], subject: Subject) -> Counter[str]:
    """How often each object was made and deleted; pods and slices, whose names are generated, by revision."""
    counts: Counter[str] = Counter()
    for seen in history:
        if seen.type not in ("ADDED", "DELETED") or seen.resource == ENDPOINT_SLICES:
            continue
        name = _version(seen.object) if seen.resource == PODS else _mask(seen.name, subject)
        counts[f"{seen.type} {seen.resource.kind} {name}"] += 1
    return counts


def orphans(witness: Objects, subject: Subject) -> list[str]:
    """Objects whose owner is no more."""
    living = {o["metadata"]["uid"] for kind in KINDS for o in witness.objects(subject, kind)}
    found = []
    for resource in KINDS:
        for obj in witness.objects(subject, resource):
            owners = [o for o in obj["metadata"].get("ownerReferences") or () if o["kind"] != "ReplicaSet"]
            if any(owner["uid"] not in living for owner in owners):
                found.append(f"{resource.kind} {obj['metadata']['name']}")
    return found


def broken_promises(history: Iterable[Seen]) -> Iterator[str]:
    """Moments at which what serves was scaled down, traffic went to what was not cleared, or status lied."""
    service: Json | None = None
    deployments: dict[str, Json] = {}
    records: dict[str, Json] = {}
    declared: Json | None = None
    for seen in history:
        gone = seen.type == "DELETED"
        if seen.resource == SERVICES:
            service = None if gone else seen.object
            if service and not _cleared(records.get(_selected(service))):
                yield f"{seen.version}: traffic goes to {_selected(service)}, which is not cleared"
        elif seen.resource == CONTROLLER_REVISIONS:
            records[seen.name] = seen.object
        elif seen.resource == MODEL_DEPLOYMENTS:
            declared = None if gone else seen.object
            if declared:
                yield from _lies(seen, service)
                yield from (f"{seen.version}: {lie}" for lie in untold(declared.get("status") or {}))
        elif seen.resource == DEPLOYMENTS:
            yield from _scaled_down(seen, deployments.get(seen.name), service, declared)
            deployments[seen.name] = seen.object


def _scaled_down(
    seen: Seen, before: Json | None, service: Json | None, declared: Json | None
) -> Iterator[str]:
    if before is None or service is None or declared is None or _selected(service) != seen.name:
        return
    if (declared["spec"].get("rollout") or {}).get("surge") == "None":
        return  # it was asked to stop before what replaces it starts
    owners = {owner["uid"] for owner in seen.object["metadata"].get("ownerReferences") or ()}
    if declared["metadata"].get("deletionTimestamp") or declared["metadata"]["uid"] not in owners:
        return  # garbage collection takes it, be it that another object has the name by now
    had, has = before["spec"].get("replicas", 0), seen.object["spec"].get("replicas", 0)
    if seen.type == "DELETED" or has < min(had, declared["spec"].get("replicas", 1)):
        yield f"{seen.version}: {seen.name} serves and goes from {had} to {has} pods ({seen.type})"


def _lies(seen: Seen, service: Json | None) -> Iterator[str]:
    """A Ready for this generation that is not true: another version declared, or none behind the Service."""
    body, status = seen.object, seen.object.get("status") or {}
    ready: dict[str, Any] = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
    if ready.get("status") != "True" or ready.get("observedGeneration") != body["metadata"]["generation"]:
        return
    serving = status.get("serving") or {}
    wanted = body["spec"].get("version")
    if str(serving.get("version")) != str(wanted):
        yield f"{seen.version}: Ready while {serving.get('version')} serves, not {wanted}"
    if service is None or _selected(service) != serving.get("revision"):
        yield f"{seen.version}: Ready while the Service selects {service and _selected(service)}"


def untold(status: Mapping[str, Any]) -> Iterator[str]:
    """Where what serves is not the last that has taken the traffic by the history, and no other one of it."""
    serving = (status.get("serving") or {}).get("revision")
    promoted = [entry for entry in status.get("history") or () if "promotedTime" in entry]
    told = [entry["revision"] for entry in promoted if entry["outcome"] == "Serving"]
    if serving and promoted and (told != [serving] or promoted[0]["revision"] != serving):
        last = f"{promoted[0]['revision']} was the last to take the traffic"
        yield f"{serving} serves, and the history says that {last} and that {told} serve"


def _cleared(record: Json | None) -> bool:
    return record is not None and ANNOTATION_CLEARED in (record["metadata"].get("annotations") or {})


def _selected(service: Json) -> str:
    return str((service["spec"].get("selector") or {}).get(LABEL_REVISION, ""))


def _version(obj: Json) -> str:
    return "v" + str((obj["metadata"].get("labels") or {}).get(LABEL_VERSION, ""))


def _pod(pod: Json) -> str:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    role = (pod["metadata"].get("annotations") or {}).get(ANNOTATION_ROLE, "")
    going = " deleting" if pod["metadata"].get("deletionTimestamp") else ""
    return f"{_version(pod)}{' ready' if ready else ''}{going} {role}".strip()


def _endpoints(witness: Objects, subject: Subject, pods: list[Json]) -> Counter[str]:
    versions = {pod["metadata"]["name"]: _version(pod) for pod in pods}
    counts: Counter[str] = Counter()
    for part in witness.objects(subject, ENDPOINT_SLICES):
        for endpoint in part.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready"):
                counts[versions.get(endpoint["targetRef"]["name"], "gone")] += 1
    return counts


def _shown(resource: Resource, obj: Json) -> Json:
    metadata = {k: v for k, v in obj["metadata"].items() if k not in _NOISE}
    shown = {**obj, "metadata": metadata}
    if resource in _OTHERS_STATUS:
        shown.pop("status", None)
    if resource in (DEPLOYMENTS, BUDGETS):
        metadata.pop("generation", None)  # counts claims, whose annotation is a time
    if resource == SERVICES:
        shown["spec"] = {k: v for k, v in obj["spec"].items() if k not in ("clusterIP", "clusterIPs")}
    return shown


def _mask(text: str, subject: Subject) -> str:
    """Revisions keep their version: a hash is that of the version which it is seen with."""
    text = text.replace(subject.namespace, "NAMESPACE").replace(subject.name, "NAME")
    for version, hashed in set(_REVISION.findall(text)):
        text = text.replace(hashed, f"HASH-{version}")
    for pattern, put in _MASKS:
        text = pattern.sub(put, text)
    return text


def difference(found: Any, wanted: Any, at: str = "") -> list[str]:  # noqa: ANN401 - any JSON
    """Where two JSON values differ, a line for each place."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted({*found, *wanted})
        return [d for k in keys for d in difference(found.get(k), wanted.get(k), f"{at}/{k}")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = enumerate(zip(found, wanted, strict=True))
        return [d for i, (a, b) in pairs for d in difference(a, b, f"{at}/{i}")]
    return [] if found == wanted else [f"{at}: {found!r}, not {wanted!r}"]
