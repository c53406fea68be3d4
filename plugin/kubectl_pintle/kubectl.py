"""Access to the cluster: the user's own kubectl, with their contexts, credentials and proxies."""

import json
import os
import queue
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from kubectl_pintle.names import FIELD_MANAGER, RESOURCE, Json

# How the last words of a kubectl that fails begin; they become the message of a `KubectlError`.
_ERRORS = ("error", "unable to connect", "the connection to the server")
_GRACE_SECONDS = 1.0


class KubectlError(Exception):
    """kubectl could not do it; the message is its own."""


class WatchEnded(Exception):
    """A watch is over, as watches are after a while; the message is kubectl's, if it said anything."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with the flags that say which cluster, and as whom. KUBECTL may name another program."""

    flags: tuple[str, ...] = ()

    def _command(self, *arguments: str) -> list[str]:
        return [*shlex.split(os.environ.get("KUBECTL") or "kubectl"), *self.flags, *arguments]

    def _run(self, *arguments: str) -> dict[str, Any]:
        command = self._command(*arguments, "-o", "json")
        said: list[str] = []
        with _started(command) as process:
            listener = threading.Thread(target=_listen, args=(process.stderr, said))
            listener.start()
            text = process.stdout.read() if process.stdout else ""
            listener.join()
        if process.returncode:
            words = "".join(said).strip()
            raise KubectlError(words or f"{shlex.join(command)} ended with {process.returncode}")
        answer: dict[str, Any] = json.loads(text)
        return answer

    def deployment(self, name: str, namespace: str | None) -> Json:
        """One ModelDeployment, in the context's own namespace where none is given."""
        return self._run("get", RESOURCE, name, "--show-managed-fields", *_in(namespace))

    def deployments(self, namespace: str | None, *, everywhere: bool) -> list[Json]:
        """All ModelDeployments of a namespace, or of all."""
        return self.objects(RESOURCE, namespace, everywhere=everywhere)

    def objects(
        self,
        resource: str,
        namespace: str | None,
        *,
        labels: str = "",
        fields: str = "",
        everywhere: bool = False,
    ) -> list[Json]:
        """Objects of another kind."""
        selectors = [*(["-l", labels] if labels else []), *(["--field-selector", fields] if fields else [])]
        where = ["--all-namespaces"] if everywhere else _in(namespace)
        items: list[Json] = self._run("get", resource, *where, *selectors)["items"]
        return items

    def patch(self, name: str, namespace: str, patch: Json | Sequence[Json], *, dry_run: bool) -> Json:
        """Change a ModelDeployment by a JSON patch (a list) or a merge patch, under our own field manager."""
        kind = "merge" if isinstance(patch, dict) else "json"
        options = [f"--type={kind}", f"--field-manager={FIELD_MANAGER}", "--show-managed-fields"]
        tried = ["--dry-run=server"] if dry_run else []
        return self._run("patch", RESOURCE, name, *_in(namespace), *options, *tried, "-p", json.dumps(patch))

    @contextmanager
    def watch(self, name: str, namespace: str) -> Iterator["Watch"]:
        """Follow one ModelDeployment: what it is now comes first."""
        options = ["--watch", "--output-watch-events", "--show-managed-fields", "-o", "json"]
        command = self._command("get", RESOURCE, name, *_in(namespace), *options)
        watch = Watch(_started(command))
        try:
            yield watch
        finally:
            watch.close()


class Watch:
    """A kubectl that prints events."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._document: list[str] = []
        self._words = ""
        self._reader = threading.Thread(target=self._read, name="watch", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        out, err = self._process.stdout, self._process.stderr
        assert out is not None  # noqa: S101 - for the type checker: both are pipes
        assert err is not None  # noqa: S101
        with out, err:
            for line in out:
                self._lines.put(line)
            self._words = err.read().strip()
        self._lines.put(None)

    def close(self) -> None:
        """End it. Where `kubectl` is a script, a child of it may hold the pipes: it is not waited for."""
        self._process.terminate()
        self._process.wait()
        self._reader.join(_GRACE_SECONDS)

    def event(self, seconds: float) -> Json | None:
        """The next event, or None where none came within so many seconds.

        Raises:
            WatchEnded: kubectl has ended.
        """
        while True:
            try:
                line = self._lines.get(timeout=seconds)
            except queue.Empty:
                return None
            if line is None:
                raise WatchEnded(self._words)
            self._document.append(line)
            # A document is one line; or indented, all but its two braces.
            if line.rstrip().endswith("}") and (len(self._document) == 1 or line.startswith("}")):
                text, self._document = "".join(self._document), []
                event: Json = json.loads(text)
                return event


def _started(command: list[str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise KubectlError(f"cannot run {command[0]}: {error.strerror}") from error


def _listen(stream: IO[str], said: list[str]) -> None:
    """Keep what kubectl says; what is no error is passed on at once: it may ask somebody to log in."""
    for line in stream:
        said.append(line)
        if not line.lower().startswith(_ERRORS):
            sys.stderr.write(line)
            sys.stderr.flush()


def _in(namespace: str | None) -> list[str]:
    return ["-n", namespace] if namespace else []
