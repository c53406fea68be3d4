"""Git owns the field: a rollback that a GitOps agent does not undo."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from demo.conclusions import expect
from demo.kube import Kube
from demo.sides import Side, Wanted
from demo.stage import Stage

AGENT_SECONDS = 2.0
ROUNDS = 4


class Agent:
    """Applies what is in Git every two seconds, as Argo CD or Flux would sooner or later."""

    def __init__(self, kube: Kube, sides: tuple[Side, ...], wanted: Wanted) -> None:
        self._kube, self._sides = kube, sides
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gitops-agent", daemon=True)
        self.lock = (
            threading.Lock()
        )  # held during a round, so that no round begun before a commit ends after it
        self.wanted = wanted
        self.rounds = 0
        self.failure: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with self.lock:
                    for side in self._sides:
                        self._kube.apply(side.documents(self.wanted))
                    self.rounds += 1
            except Exception as error:  # noqa: BLE001  # told by the thread that waits for rounds
                self.failure = error
                return
            self._ended.wait(AGENT_SECONDS)


@contextmanager
def _agent(stage: Stage) -> Iterator[Agent]:
    agent = Agent(stage.kube, stage.sides, stage.wanted)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()


def reject(stage: Stage, version: str) -> None:
    """Version `stage.wanted.version` is rejected while Git goes on declaring it; `version` stands by."""
    bad = stage.wanted
    with _agent(stage) as agent:
        about = (
            f"An agent applies version {bad.version} every {AGENT_SECONDS:.0f} s. One annotation rejects it."
        )
        with stage.step(f"Reject version {bad.version}, which Git declares", about, rollback=True):
            _await_rounds(stage, agent, 2)
            _reject(stage, version)
            _await_rounds(stage, agent, ROUNDS)
            _check_kept(stage, bad.version, version)
        about = f"The commit that was due: spec.version: {bad.version} -> {version}."
        with stage.step(f"Git declares version {version}", about):
            with agent.lock:
                agent.wanted = replace(bad, version=version)
                stage.declare(agent.wanted)
            stage.settle()


def _reject(stage: Stage, version: str) -> None:
    """One annotation for Pintle; an edit by hand, which is all there is, for the plain Deployment."""
    bad, good = stage.wanted, replace(stage.wanted, version=version)
    revision = stage.pintle.state().revision.rsplit("-", 1)[1]
    annotation = {"metadata": {"annotations": {"pintle.dev/reject-revision": revision}}}
    edited = time.time()
    stage.kube.merge(stage.pintle.path, annotation, "on-call")
    stage.moves(stage.pintle, edited, bad.version, version)
    edited = stage.kube.apply(stage.plain.documents(good), "on-call")
    stage.moves(stage.plain, edited, bad.version, version)
    what = f"Pintle: RejectedByUser, version {version}"
    stage.await_pintle(lambda now: now.serving == version and now.reason == "RejectedByUser", what)
    stage.allow(stage.pintle, time.time(), version)


def _await_rounds(stage: Stage, agent: Agent, rounds: int) -> None:
    """Wait until the agent has applied what is in Git so many times more."""
    last = agent.rounds + rounds
    stage.wait(lambda: agent.rounds >= last or agent.failure is not None, "The agent applies what is in Git")
    if agent.failure is not None:
        raise agent.failure


def _check_kept(stage: Stage, bad: str, good: str) -> None:
    """The agent's field is as the agent wrote it, and what was rejected is not back."""
    now = stage.pintle.state()
    declared = str(now.spec.get("version"))
    expect(declared == bad, f"Git says {bad}, and spec.version is {declared}")
    expect(now.serving == good, f"the agent brought version {now.serving} back")
    if not stage.plain.arrived(replace(stage.wanted, version=good)):
        stage.note(stage.plain, "undone")
