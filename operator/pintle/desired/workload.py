"""A revision's Deployment and its ConfigMap, and the writes that change them."""

from datetime import datetime
from typing import Any

from pintle.api import ModelDeployment
from pintle.desired.metadata import owned
from pintle.domain import Child, Create, Json, Patch, Record, Replace, Workload
from pintle.domain.resources import CONFIG_MAPS, DEPLOYMENTS
from pintle.naming import (
    ANNOTATION_IDENTITY,
    ANNOTATION_RECLAIMED,
    canonical,
    micro_timestamp,
    revision_labels,
    revision_selector,
)

REVISION_FILE = "revision.json"
CASES_FILE = "cases.json"


def create(deployment: ModelDeployment, record: Record, replicas: int) -> Create:
    """Make the Deployment of a revision, as its record says.

    The Deployment carries the record's data but for the template, so that a record that
    somebody deletes can be made again from what runs.
    """
    name = record.name
    identity = canonical(_carried(record.data) | {"number": record.number}).decode()
    body = {
        "apiVersion": DEPLOYMENTS.api_version,
        "kind": DEPLOYMENTS.kind,
        "metadata": owned(deployment, name, _labels(deployment, record), {ANNOTATION_IDENTITY: identity}),
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": revision_selector(deployment.name, name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": record.template,
        },
    }
    return Create(DEPLOYMENTS, name, body, why=f"start {name} with {replicas} pods")


def _carried(data: Json) -> dict[str, Any]:
    """A record's data as an annotation: without the index's CA and the cases, each of up to 256 KiB."""
    runtime = data.get("runtime", {})
    index = {k: v for k, v in runtime.get("index", {}).items() if k != "caBundle"}
    kept = {k: v for k, v in data.items() if k not in ("template", "cases")}
    return kept | {"runtime": {**runtime, "index": index}}


def scale(workload: Workload, replicas: int) -> Patch:
    """Change the number of pods of a revision that may take traffic.

    A Deployment's resourceVersion moves with its status, so a precondition on it would fail for
    no reason while pods come up: the JSON-patch `test`s are on what the decision was made from.
    Scaling down takes it in all the same: that is in no hurry, and must not be done on old news.
    """
    expected = {"/metadata/uid": workload.uid, "/spec/replicas": workload.replicas}
    if replicas < workload.replicas:
        expected["/metadata/resourceVersion"] = workload.resource_version
    body = (
        *({"op": "test", "path": path, "value": value} for path, value in expected.items()),
        {"op": "replace", "path": "/spec/replicas", "value": replicas},
    )
    why = f"scale {workload.revision} from {workload.replicas} to {replicas}"
    return Patch(DEPLOYMENTS, workload.revision, body, why, patch_type="json", repairs=("spec.replicas",))


def take_away(workload: Workload, replicas: int = 0) -> Patch:
    """Leave so many pods, only if nobody has written the Deployment since it was seen (design section 4).

    The Service names the revision as released by then: whoever wants it back has to write the
    Deployment first, and that makes this write fail.
    """
    body = {
        "metadata": {"resourceVersion": workload.resource_version, "uid": workload.uid},
        "spec": {"replicas": replicas},
    }
    why = f"take away the pods of {workload.revision}" + (f" but {replicas}" if replicas else "")
    return Patch(DEPLOYMENTS, workload.revision, body, why, subresource="scale")


def reclaim(workload: Workload, now: datetime) -> Patch:
    """Write a released revision's Deployment, so that a late `take_away` of its pods fails."""
    body = {
        "metadata": {
            "uid": workload.uid,
            "annotations": {ANNOTATION_RECLAIMED: micro_timestamp(now)},
        }
    }
    return Patch(DEPLOYMENTS, workload.revision, body, f"reclaim {workload.revision}")


def restore_template(workload: Workload, record: Record, template_hash: str) -> Replace:
    """Put back a template that somebody changed."""
    why = f"put back the template of {workload.revision}"
    return Replace(DEPLOYMENTS, workload.revision, _with_template(workload, record), template_hash, why)


def probe_template(workload: Workload, record: Record) -> Replace:
    """Find out what the API server makes of a record's template: what a Deployment's is compared with."""
    why = f"find out what the template of {workload.revision} looks like as stored"
    body = _with_template(workload, record)
    return Replace(DEPLOYMENTS, workload.revision, body, "", why, dry_run=True, repairs=())


def _with_template(workload: Workload, record: Record) -> dict[str, Any]:
    body = {**workload.body, "spec": {**workload.body["spec"], "template": record.template}}
    body.pop("status", None)
    return body


def revision_file(record: Record) -> dict[str, Any]:
    """`revision.json`, with the package index and the digests that later pods must meet."""
    index = record.runtime.index
    return dict(record.revision_file) | {
        "index": {"url": index.get("url"), "caBundle": index.get("caBundle")},
        "contentDigest": record.content_digest or None,
        "environmentDigest": record.cleared.environment_digest or None if record.cleared else None,
    }


def copy_data(record: Record) -> dict[str, str]:
    """The ConfigMap's `data`."""
    cases = {CASES_FILE: record.cases} if record.cases else {}
    return {REVISION_FILE: canonical(revision_file(record)).decode()} | cases


def create_copy(deployment: ModelDeployment, record: Record) -> Create:
    """Make the ConfigMap that the revision's pods mount."""
    body = {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": owned(deployment, record.name, _labels(deployment, record)),
        "data": copy_data(record),
    }
    return Create(CONFIG_MAPS, record.name, body, why=f"write {REVISION_FILE} of {record.name}")


def repair_copy(record: Record, copy: Child) -> Patch | None:
    """Bring the ConfigMap back to what the record says; None where it is. It is never read back."""
    wanted: dict[str, str | None] = dict(copy_data(record))
    found = copy.body.get("data") or {}
    if found == wanted and not copy.body.get("binaryData"):
        return None
    wanted |= {key: None for key in found if key not in wanted}
    metadata = {"uid": copy.uid, "resourceVersion": copy.resource_version}
    body = {"metadata": metadata, "data": wanted, "binaryData": None}
    why = f"bring {REVISION_FILE} of {copy.name} up to date"
    return Patch(CONFIG_MAPS, copy.name, body, why, repairs=("data",))


def _labels(deployment: ModelDeployment, record: Record) -> dict[str, str]:
    return revision_labels(deployment.name, record.name, record.version)
