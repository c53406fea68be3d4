"""What pods and their containers say."""

from typing import Any

import orjson
import pytest

from kubectl_pintle import pods
from kubectl_pintle.pods import Step
from tests.unit.plugin.captured import state


def test_pods_that_serve() -> None:
    read = state("standby").pods
    assert {p.version for p in read} == {"1", "2"}
    for pod in read:
        assert pod.ready
        assert not pod.trouble
        fetch, install, serve = pod.steps
        assert (fetch.name, fetch.state, fetch.failed) == ("fetch", "done", False)
        assert fetch.words.startswith("content ")
        assert install.words.startswith("environment ")
        assert (serve.name, serve.state, serve.words) == ("serve", "running", "ready")


def test_a_pod_whose_model_fails() -> None:
    failed = [s for p in state("failing").pods if p.version == "4" for s in p.steps if s.failed]
    assert failed
    assert failed[0].name == "serve"
    assert failed[0].exit_code == 15
    assert "ended with code 15: ProofFailed: prediction[0] is NaN" in failed[0].words


def _ended(code: int, message: str = "", reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


_REFUSED = orjson.dumps({"reason": "LoadFailed", "message": "no module named torch"}).decode()
_FETCHED = orjson.dumps({"contentDigest": "sha256:" + "ab" * 32, "example": False}).decode()


@pytest.mark.parametrize(
    ("container", "step"),
    [
        (
            {"state": _ended(0, _FETCHED, "Completed")},
            Step("serve", "done", "content abababababab, no input example", 0),
        ),
        (
            {"state": _ended(14, _REFUSED)},
            Step("serve", "failed", "ended with code 14: LoadFailed: no module named torch", 14, failed=True),
        ),
        (
            {"state": _ended(137, reason="OOMKilled")},
            Step("serve", "failed", "ended with code 137: OOMKilled", 137, failed=True),
        ),
        ({"state": _ended(1, "[")}, Step("serve", "failed", "ended with code 1: Error: [", 1, failed=True)),
        (
            {
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                "lastState": _ended(137, reason="OOMKilled"),
            },
            Step("serve", "waiting", "CrashLoopBackOff; ended with code 137: OOMKilled", 137, failed=True),
        ),
        (
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}},
            Step("serve", "waiting", "ImagePullBackOff: no such image"),
        ),
        (
            {"state": {"running": {}}, "lastState": _ended(137, reason="OOMKilled"), "ready": False},
            Step(
                "serve",
                "running",
                "not ready; before that: ended with code 137: OOMKilled",
                137,
                failed=True,
            ),
        ),
        (
            {"state": {"running": {}}, "lastState": _ended(137, reason="OOMKilled"), "ready": True},
            Step("serve", "running", "ready"),
        ),
        ({"state": {"running": {}}}, Step("serve", "running", "not ready")),
        ({}, Step("serve", "unknown", "not ready")),
    ],
)
def test_a_container(container: dict[str, Any], step: Step) -> None:
    body = {"metadata": {"name": "iris"}, "status": {"containerStatuses": [{"name": "serve", **container}]}}
    (pod,) = pods.parse([body])
    assert pod.steps == (step,)


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes are available",
                    }
                ]
            },
            "Unschedulable: 0/1 nodes are available",
        ),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "Evicted: low on memory"),
        ({"phase": "Pending"}, ""),
    ],
)
def test_what_keeps_a_pod_from_running(status: dict[str, Any], trouble: str) -> None:
    (pod,) = pods.parse([{"metadata": {"name": "iris"}, "status": status}])
    assert pod.trouble == trouble
