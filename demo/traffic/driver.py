"""Starting the generator, reading its record while it runs, and stopping it."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from demo.traffic.generator.config import Target
from demo.traffic.log import Log, Request
from demo.traffic.manifest import CONTAINER, IMAGE, objects

_STOP = "import os, signal; os.kill(1, signal.SIGTERM)"
_POLL_SECONDS = 0.05


class TrafficError(Exception):
    """The generator did not start, did not stop, or its record is not whole."""


class Traffic:
    """One generator pod. Methods may be called from any thread.

    `kubectl` is the command with what selects the cluster, as `Cluster.kubectl()` of the test bed gives it.
    """

    def __init__(
        self,
        kubectl: Sequence[str],
        *,
        namespace: str,
        targets: Sequence[Target],
        name: str = "traffic",
        image: str = IMAGE,
    ) -> None:
        self._kubectl = [*kubectl, f"--namespace={namespace}"]
        self._objects = objects(namespace, name, targets, image)
        self._name = name
        self._log = Log()
        self._lock = threading.Condition()
        self._closing = threading.Event()
        self._follower = threading.Thread(target=self._follow, name=f"follow-{name}", daemon=True)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.delete()

    def start(self, timeout: float = 120) -> None:
        """Create the pod (in place of one that an earlier run left) and wait until it runs.

        Raises:
            TrafficError: it does not run in time; what the kubelet says of it is in the message.
        """
        self._delete()
        self._run(
            "create",
            "--filename=-",
            stdin=json.dumps({"kind": "List", "apiVersion": "v1", "items": self._objects}),
        )
        deadline = time.monotonic() + timeout
        while (phase := self._status().get("phase")) != "Running":
            if time.monotonic() > deadline or phase in ("Failed", "Succeeded"):
                raise TrafficError(f"pod {self._name} does not run: {json.dumps(self._status())}")
            time.sleep(_POLL_SECONDS)
        self._follower.start()

    def requests(self, target: str | None = None) -> list[Request]:
        """What is known so far of all requests, or of one target's; the pod writes ten times a second."""
        with self._lock:
            return [request for request in self._log.requests if target in (None, request.target)]

    def connections(self) -> list[tuple[str, float]]:
        """Target and time of each connection that was opened, of targets that keep theirs."""
        with self._lock:
            return list(self._log.connections)

    @property
    def skipped(self) -> dict[str, int]:
        """Requests of each target that were due and not sent, once the traffic has stopped."""
        with self._lock:
            return dict(self._log.skipped)

    def live(self, target: str) -> float | None:
        """When the target gave its first answer; None before that."""
        with self._lock:
            return self._log.live.get(target)

    def wait_live(self, target: str, timeout: float) -> float:
        """Wait for a target's first answer; its time."""
        self.wait(lambda log: target in log.live, timeout, f"a first answer of {target}")
        return self._log.live[target]

    def wait(self, condition: Callable[[Log], bool], timeout: float, what: str) -> None:
        """Wait until the record meets a condition.

        Raises:
            TrafficError: it does not in time, or the pod ended.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            while not condition(self._log):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TrafficError(
                        f"no {what} within {timeout:g} s; the last requests: {self._log.requests[-5:]}"
                    )
                self._lock.wait(min(left, 1))

    def stop(self, timeout: float = 30) -> list[Request]:
        """Let the requests under way end, and return all of them. The pod stays, Succeeded, until `delete`.

        Raises:
            TrafficError: the record is not whole.
        """
        self._run("exec", self._name, f"--container={CONTAINER}", "--", "python", "-c", _STOP)
        self.wait(lambda log: log.ended, timeout, "end of the traffic")
        with self._lock:
            log = self._log
        if len(log.requests) != sum(log.sent.values()):
            raise TrafficError(
                f"{sum(log.sent.values())} requests were sent, {len(log.requests)} are in the record"
            )
        return list(log.requests)

    def delete(self) -> None:
        """Remove the pod and its ConfigMap; requests under way are cut off."""
        self._closing.set()
        if self._process is not None:
            self._process.kill()
        self._delete()
        if self._follower.is_alive():
            self._follower.join(timeout=10)

    def _follow(self) -> None:
        """Feed the pod's output to the record; begin again when the API server or the kubelet cut it off."""
        command = [*self._kubectl, "logs", "--follow", self._name, f"--container={CONTAINER}"]
        while not self._closing.is_set() and not self._log.ended:
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as process:
                self._process = process
                for line in process.stdout or ():
                    with self._lock:
                        self._log.feed(line)
                        self._lock.notify_all()
            self._closing.wait(0.5)

    def _delete(self) -> None:
        for kind in ("pod", "configmap"):
            self._run("delete", kind, self._name, "--ignore-not-found", "--grace-period=1", "--wait=true")

    def _status(self) -> dict[str, Any]:
        pod: dict[str, Any] = json.loads(self._run("get", "pod", self._name, "--output=json"))
        status: dict[str, Any] = pod["status"]
        return status

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [*self._kubectl, *arguments], input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise TrafficError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout
