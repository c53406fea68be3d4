"""The command line: `python -m demo [down]`."""

import argparse
import os
import re
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from demo import farewell, setup, story, teardown, traffic
from demo.conclusions import faults
from demo.diagnosis import diagnosis
from demo.display import Display
from demo.errors import DemoError, StepFailed
from demo.kube import Kube
from demo.registries import Registry
from demo.setup import Own
from demo.sides import PintleSide, PlainSide, Wanted, targets
from demo.stage import Stage
from demo.table import StepsTable
from demo.traffic import Traffic, TrafficError
from testbed import progress
from testbed.errors import TestbedError

_MODEL = re.compile(r'[^"\\$/:\n]+')


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; its exit status."""
    os.environ.setdefault("TESTBED_NAME", "demo")  # a cluster of its own, beside the tests'
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it cleans up after itself
    try:
        if options.command == "down":
            teardown.down()
            return 0
        return _run(own_model(options), options.rate, options.svg)
    except (DemoError, TestbedError, TrafficError) as error:
        progress.say(f"demo: {error}")
        return 1
    except KeyboardInterrupt:
        progress.say("demo: stopped; run the same command again, or `make demo-down` to clean up")
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m demo",
        description="Tells how Pintle serves versions of a model and rolls back, beside a plain Deployment.",
        epilog="TESTBED chooses the cluster: auto (default), embedded, kind or current. See docs/demo.md.",
    )
    top.add_argument("command", nargs="?", choices=["run", "down"], default="run",
                     help="down: remove the cluster, or all that was put into it")  # fmt: skip
    top.add_argument("--mlflow-uri", help="an MLflow server of your own that the cluster can reach")
    top.add_argument("--model", help="a registered model there")
    top.add_argument("--versions", help="versions of it, in the order in which to serve them: 1,2")
    top.add_argument("--rate", type=float, default=40, help="predictions a second to each side (default: 40)")
    top.add_argument("--svg", type=Path, metavar="FILE", help="save what was shown of the story as a picture")
    return top


def own_model(options: argparse.Namespace) -> Own | None:
    """What was said of a model of the user's own.

    Raises:
        DemoError: some of it is missing.
    """
    said = [options.mlflow_uri, options.model, options.versions]
    if not any(said):
        return None
    if not all(said):
        raise DemoError("for a model of your own, MLFLOW_URI, MODEL and VERSIONS are needed, all three")
    versions = tuple(re.split(r"[,\s]+", options.versions.strip()))
    if len(versions) < 2 or not all(version.isdigit() for version in versions):  # noqa: PLR2004
        raise DemoError(f"VERSIONS is {options.versions!r}: give two or more numbers, such as 1,2")
    if not _MODEL.fullmatch(options.model):
        raise DemoError(f"MODEL is {options.model!r}: quotes, backslashes, $, / and : are not taken here")
    return Own(options.mlflow_uri, options.model, versions)


def _run(own: Own | None, rate: float, svg: Path | None) -> int:
    began, display = time.time(), Display()
    sources = setup.manifests()
    cluster = setup.raise_cluster()
    with Kube(cluster.kubectl()) as kube:
        registry = setup.provide(cluster, kube, sources, own)
        sending = targets(registry.example, rate)
        image = sources.with_images(traffic.IMAGE)
        with Traffic(kube.command, namespace="demo", targets=sending, image=image) as sent:
            wanted = Wanted(registry.model, registry.versions[0], registry.uri)
            sides = PintleSide(kube, sources), PlainSide(kube, sources)
            stage = Stage(kube, display, sent, *sides, wanted, began)
            display.show_pulse(stage.pulse)
            display.record()
            good = _tell(stage, registry)
    if svg is not None:
        display.save(svg, "make demo")
    farewell.say(display, cluster.kubectl(), registry)
    return 0 if good else 1


def _tell(stage: Stage, registry: Registry) -> bool:
    """Tell the story; whether it ended as it should."""
    failure = ""
    try:
        story.tell(stage, registry)
    except (StepFailed, DemoError, TrafficError) as error:
        failure = str(error)
    found = stage.rows()
    stage.display.print("", StepsTable(found))
    wrong = [*([failure] if failure else []), *faults(found)]
    for line in wrong:
        stage.display.line(line, "bold red")
    if wrong:
        progress.say(diagnosis(stage.kube))
    return not wrong
