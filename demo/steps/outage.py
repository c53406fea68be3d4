"""MLflow is stopped, a serving pod is deleted, and the version is rolled back all the same."""

from dataclasses import replace

from demo.registries import DemoRegistry
from demo.sides import REPLICAS
from demo.stage import Stage

OUTAGE_SECONDS = 8.0


def stop_registry(stage: Stage, registry: DemoRegistry) -> None:
    """What serves keeps serving; a lost pod cannot be replaced while its artifacts cannot be had."""
    about = "The pods in their place cannot fetch the model. What serves, serves on."
    with stage.step("Stop MLflow, delete a serving pod", about):
        registry.stop()
        for selector in (f"pintle.dev/revision={stage.pintle.state().revision}", "app=iris-plain"):
            first = stage.pods(selector)[0]["metadata"]["name"]
            stage.kube.run("delete", "pod", first, "--namespace=demo", "--wait=false")
        stage.await_pintle(lambda now: now.reason == "Degraded", "Pintle says that a pod is missing")
        stage.linger(3)


def back_without_registry(stage: Stage, registry: DemoRegistry, version: str) -> None:
    """The standby needs no registry. The plain Deployment waits for MLflow, which is started in the end."""
    about = (
        f"The standby needs no registry. MLflow is started {OUTAGE_SECONDS:.0f} s after it has taken over."
    )
    with stage.step(f"Roll back to version {version}, MLflow down", about, rollback=True):
        stage.declare(replace(stage.wanted, version=version))
        stage.settle_pintle()
        stage.show_state()
        stage.linger(OUTAGE_SECONDS)
        registry.start()
        stage.settle_plain()
        stage.wait(lambda: _ready(stage) >= 2 * REPLICAS, "Pintle replaces the deleted pod")


def _ready(stage: Stage) -> int:
    """Pintle's ready pods, those of the standby among them."""
    conditions = [
        condition
        for pod in stage.pods("pintle.dev/deployment=iris")
        for condition in pod["status"].get("conditions", [])
    ]
    return sum(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
