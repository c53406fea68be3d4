"""What the audit log has to say for a namespace to count as one that enforces Pod Security `restricted`."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.audit import AuditLog
from tests.support.kube import RESTRICTED
from tests.support.pod_security import ENFORCE, unrestricted
from tests.support.schemas import REPOSITORY


def _entry(verb: str, name: str, labels: dict[str, str], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {
        "verb": verb,
        "stage": "ResponseComplete",
        "objectRef": {"resource": "namespaces", "name": name},
        "responseStatus": {"code": 200},
        "responseObject": {"metadata": {"name": name, "labels": labels}},
        **more,
    }


def _log(folder: Path, *entries: dict[str, Any]) -> AuditLog:
    file = folder / "audit.log"
    file.write_text("".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries))
    return AuditLog(file)


GOOD = _entry("create", "ml", RESTRICTED)


@pytest.mark.parametrize(
    ("entry", "without"),
    [
        (_entry("patch", "ml", RESTRICTED), set()),
        (_entry("create", "web", {}), {"web"}),
        (_entry("create", "web", {ENFORCE: "baseline"}), {"web"}),
        (_entry("create", "web", RESTRICTED | {ENFORCE: "privileged"}), {"web"}),
        (_entry("patch", "ml", {}), {"ml"}),
        (_entry("update", "ml", {}), {"ml"}),
        (_entry("create", "web", {}, responseStatus={"code": 409}), set()),
        (_entry("patch", "default", {}), set()),
        (_entry("delete", "ml", {}), set()),
        (_entry("get", "web", {}), set()),
    ],
)
def test_one_that_ever_lacked_it_is_found(tmp_path: Path, entry: dict[str, Any], without: set[str]) -> None:
    names, found = unrestricted(_log(tmp_path, GOOD, entry), 0)
    assert found == without
    assert names == {"ml"} | without


def test_a_log_that_does_not_say_is_no_proof(tmp_path: Path) -> None:
    silent = _entry("create", "ml", RESTRICTED)
    del silent["responseObject"]
    with pytest.raises(AssertionError, match="raise it again"):
        unrestricted(_log(tmp_path, silent), 0)


@pytest.mark.parametrize("folder", ["manifests", "demo"])
def test_namespaces_of_manifests(folder: str) -> None:
    """Those that other clusters get, which no test of a cluster here sees."""
    texts = [path.read_text() for path in (REPOSITORY / folder).rglob("*.yaml")]
    bodies = [body for text in texts for body in yaml.safe_load_all(text) if body]
    labels = [b["metadata"].get("labels", {}) for b in bodies if b.get("kind") == "Namespace"]
    assert labels
    assert {enforced.get(ENFORCE) for enforced in labels} == {"restricted"}
