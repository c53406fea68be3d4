"""The cluster, as its administrator: kubectl for what people type, and its proxy for what is timed.

`kubectl proxy` logs in as the kubeconfig says, whatever that takes, and leaves plain HTTP: an edit then takes
the milliseconds that the API server takes, not those in which a program starts.
"""

import http.client
import json
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import yaml

from demo.errors import DemoError

Json = dict[str, Any]
GIT = "git"  # the field manager of all that is declared

_PATHS = {
    "Service": "/api/v1/namespaces/{namespace}/services/{name}",
    "Deployment": "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "ModelDeployment": "/apis/pintle.dev/v1alpha1/namespaces/{namespace}/modeldeployments/{name}",
}


class Kube:
    """One cluster; `kubectl` is the command with what selects the cluster. For any thread."""

    def __init__(self, kubectl: Sequence[str]) -> None:
        self.command = list(kubectl)
        self._proxy: subprocess.Popen[str] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        command = [*self.command, "proxy", "--port=0"]
        self._proxy = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = self._proxy.stdout.readline() if self._proxy.stdout else ""
        if "Starting to serve on" not in said:
            raise DemoError(f"`kubectl proxy` does not serve: {said.strip()}")
        self._port = int(said.rsplit(":", 1)[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._proxy is not None:
            self._proxy.terminate()
            self._proxy.wait()

    def run(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """What a kubectl command prints.

        Raises:
            DemoError: it failed (unless `check` is False; then what it printed is returned all the same).
        """
        done = subprocess.run(
            [*self.command, *arguments], input=stdin, capture_output=True, text=True, check=False
        )
        if check and done.returncode != 0:
            raise DemoError(f"`kubectl {' '.join(arguments)}` failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout if check else done.stdout + done.stderr

    def get(self, path: str) -> Json | None:
        """The object at a path, or None where there is none."""
        status, answer = self._request("GET", path)
        if status == HTTPStatus.NOT_FOUND:
            return None
        return _expect(status, answer, f"GET {path}")

    def merge(self, path: str, patch: Mapping[str, Any], manager: str) -> Json:
        """A merge patch, written in the name of a field manager."""
        path = f"{path}?fieldManager={manager}"
        status, answer = self._request("PATCH", path, "application/merge-patch+json", json.dumps(patch))
        return _expect(status, answer, f"PATCH {path}")

    def apply(self, documents: Iterable[Json], manager: str = GIT) -> float:
        """Server-side apply; the time right before the last document was sent, seconds since 1970."""
        sent = 0.0
        for document in documents:
            path = f"{path_of(document)}?fieldManager={manager}&force=true"
            sent = time.time()
            status, answer = self._request(
                "PATCH", path, "application/apply-patch+yaml", json.dumps(document)
            )
            _expect(status, answer, f"apply {path}")
        return sent

    def delete(self, path: str) -> None:
        self._request("DELETE", path)

    def _request(self, method: str, path: str, kind: str = "", body: str | None = None) -> tuple[int, Json]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoError(f"{method} {path}: the API server does not answer: {error}") from error
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, {"message": text.decode(errors="replace")}


def _expect(status: int, answer: Json, what: str) -> Json:
    if status >= HTTPStatus.BAD_REQUEST:
        raise DemoError(f"{what}: {status}: {answer.get('message')}")
    return answer


def path_of(document: Json) -> str:
    """The API path of a document of a manifest."""
    metadata = document["metadata"]
    return _PATHS[document["kind"]].format(namespace=metadata["namespace"], name=metadata["name"])


def documents(text: str) -> list[Json]:
    return [document for document in yaml.safe_load_all(text) if document]
