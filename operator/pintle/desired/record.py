"""The record of a revision: a ControllerRevision, whose `data` the API server lets nobody change."""

from collections.abc import Mapping
from typing import Any

from pintle.api import ModelDeployment
from pintle.desired.metadata import owned
from pintle.desired.pod import template
from pintle.domain import Cleared, Create, Identity, Json, Named, NewRevision, Patch, Record, Rejected
from pintle.domain.resources import CONTROLLER_REVISIONS
from pintle.naming import (
    ANNOTATION_ALIAS,
    ANNOTATION_CLEARED,
    ANNOTATION_REJECTED,
    canonical,
    micro_timestamp,
    revision_labels,
    text_digest,
)


def create(
    deployment: ModelDeployment, revision: NewRevision, *, max_artifact_bytes: int, named: Named | None = None
) -> Create:
    """Write the record of a new revision: the first write of every rollout. `named` is what led to it."""
    content = data(deployment, revision, max_artifact_bytes=max_artifact_bytes)
    annotations = {ANNOTATION_ALIAS: canonical(_named(named)).decode()} if named else None
    body = _body(deployment, revision.name, revision.number, content, annotations)
    return Create(CONTROLLER_REVISIONS, revision.name, body, why=f"record revision {revision.name}")


def create_again(deployment: ModelDeployment, name: str, number: int, content: Json) -> Create:
    """Write a record that was deleted, with the data that it had."""
    body = _body(deployment, name, number, content)
    return Create(CONTROLLER_REVISIONS, name, body, why=f"record revision {name} again: somebody deleted it")


def restore(last_copy: Json) -> Create:
    """Write a record that was deleted as it was when it was last seen, marks and all."""
    metadata = last_copy["metadata"]
    kept = {k: metadata[k] for k in ("name", "labels", "annotations", "ownerReferences") if k in metadata}
    body = {
        "apiVersion": CONTROLLER_REVISIONS.api_version,
        "kind": CONTROLLER_REVISIONS.kind,
        "metadata": kept,
        "revision": last_copy["revision"],
        "data": last_copy["data"],
    }
    why = f"record revision {metadata['name']} again, as it was: somebody deleted it"
    return Create(CONTROLLER_REVISIONS, metadata["name"], body, why=why)


def _body(
    deployment: ModelDeployment,
    name: str,
    number: int,
    content: Json,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    version = str((content.get("identity") or {}).get("version", ""))
    return {
        "apiVersion": CONTROLLER_REVISIONS.api_version,
        "kind": CONTROLLER_REVISIONS.kind,
        "metadata": owned(deployment, name, revision_labels(deployment.name, name, version), annotations),
        "revision": number,
        "data": content,
    }


def data(deployment: ModelDeployment, revision: NewRevision, *, max_artifact_bytes: int) -> dict[str, Any]:
    """What a record holds: declared inputs, identity, runtime, and all that pods are built from."""
    cases = {"cases": revision.cases} if revision.cases else {}
    return cases | {
        "identity": identity_data(revision.identity),
        "shape": revision.shape,
        "runtime": {
            "name": revision.runtime.name,
            "image": revision.runtime.image,
            "resources": revision.runtime.resources,
            "index": revision.runtime.index,
        },
        "secretName": revision.secret_name,
        "expectedDigest": revision.expected_digest,
        "revisionFile": _revision_file(deployment, revision, max_artifact_bytes),
        "template": template(revision, deployment.name),
    }


def identity_data(identity: Identity) -> dict[str, Any]:
    """An identity as it is stored."""
    return {
        "registry": identity.registry,
        "model": identity.model,
        "version": identity.version,
        "source": identity.source,
        "createdTime": identity.created_time,
        "runId": identity.run_id,
        "artifactUri": identity.artifact_uri,
    }


def _revision_file(
    deployment: ModelDeployment, revision: NewRevision, max_artifact_bytes: int
) -> dict[str, Any]:
    """`revision.json` but for the digests, which come with clearing, and the index, the runtime's own."""
    rollout = revision.shape.get("rollout", {})
    proof = rollout.get("proof", {})
    return identity_data(revision.identity) | {
        "namespace": deployment.namespace,
        "deployment": deployment.name,
        "revision": revision.name,
        "strictEnvironment": rollout.get("strictEnvironment", False),
        "proof": {
            "mode": proof.get("mode", "Auto"),
            "allowNonFinite": proof.get("allowNonFinite", False),
            "timeoutSeconds": proof.get("timeoutSeconds", 30),
        },
        "maxArtifactBytes": max_artifact_bytes,
        **({"casesDigest": text_digest(revision.cases)} if revision.cases else {}),
    }


def clear(record: Record, cleared: Cleared) -> Patch:
    """Mark a revision as allowed to take traffic: one patch, so that no half of it is ever seen."""
    value = {
        "contentDigest": cleared.content_digest,
        "environmentDigest": cleared.environment_digest,
        "proof": cleared.proof,
        "templateHash": cleared.template_hash,
        "time": micro_timestamp(cleared.time),
    }
    return _mark(record, ANNOTATION_CLEARED, value, why=f"clear {record.name}")


def reject(record: Record, rejected: Rejected) -> Patch:
    """Mark a revision as one that may not take traffic; the mark outlives the desire for it."""
    value = {
        "reason": rejected.reason,
        "message": rejected.message,
        "time": micro_timestamp(rejected.time),
    }
    return _mark(record, ANNOTATION_REJECTED, value, why=f"reject {record.name}: {rejected.reason}")


def name(record: Record, named: Named) -> Patch:
    """Mark a revision as what an alias has come to name: the newest such mark counts."""
    why = f"alias {named.alias} names {record.name}"
    return _mark(record, ANNOTATION_ALIAS, _named(named), why=why)


def _named(named: Named) -> dict[str, Any]:
    return {"name": named.alias, "time": micro_timestamp(named.time)}


def _mark(record: Record, annotation: str, value: dict[str, Any], *, why: str) -> Patch:
    """Patch one annotation, if the record is still as it was seen."""
    metadata = {
        "uid": record.uid,
        "resourceVersion": record.resource_version,
        "annotations": {annotation: canonical(value).decode()},
    }
    return Patch(CONTROLLER_REVISIONS, record.name, {"metadata": metadata}, why)
