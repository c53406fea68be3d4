"""A plain REST client for tests: JSON in, status and JSON out, nothing in between."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from kubernetes import client

Json = dict[str, Any]


class Rest:
    """Requests to one API server, with the credentials of a `kubernetes` client."""

    def __init__(self, api_client: client.ApiClient) -> None:
        self._client = api_client

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._client.configuration.host)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Json]:
        """Status and answer; an answer of refusal is an answer."""
        url = f"{self._client.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        given = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        response = self._client.call_api(method, url, given, body)
        answer: Json = orjson.loads(response.read())  # type: ignore[no-untyped-call] # the client's, without types
        return response.status, answer

    def ok(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        """The answer to a request that has to succeed."""
        status, answer = self.request(method, path, body, query=query)
        assert status < 300, f"{method} {path}: {status} {answer.get('message')}"
        return answer

    def merge(self, path: str, patch: Mapping[str, Any]) -> Json:
        """The answer to a JSON merge patch that has to succeed."""
        content = {"Content-Type": "application/merge-patch+json"}
        status, answer = self.request("PATCH", path, patch, headers=content)
        assert status < 300, f"PATCH {path}: {status} {answer.get('message')}"
        return answer

    def table(self, path: str) -> Json:
        """What `kubectl get` shows of `path`, as the API server prints it: a meta.k8s.io/v1 Table."""
        status, answer = self.request(
            "GET", path, headers={"Accept": "application/json;as=Table;g=meta.k8s.io;v=v1"}
        )
        assert status < 300, f"GET {path}: {status} {answer.get('message')}"
        return answer
