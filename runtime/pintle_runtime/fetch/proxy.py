"""MLflow's artifact proxy over HTTP: five lines of REST, without importing mlflow."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from typing_extensions import override

from pintle_runtime.fetch.source import API, Changed, Entry
from pintle_runtime.retry import Transient
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pintle_runtime.fetch.credentials import Credentials

CONNECT_SECONDS, READ_SECONDS = 5, 30
CHUNK_BYTES = 1 << 20
LISTING_BYTES = 64 << 20


class Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class NoAuth(AuthBase):
    """Keeps `requests` from looking for a .netrc."""

    @override
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class ArtifactProxy:
    """A `Source` behind `GET /api/2.0/mlflow-artifacts/artifacts`."""

    def __init__(self, base: str, root: str, read: Callable[[], Credentials], ca: Path | None) -> None:
        self._api = base + API
        self._root = root
        self._session = requests.Session()
        self._read = read
        self.renew()
        # Sizes are compared with what is listed, so no compression on the way.
        self._session.headers.update({"Accept-Encoding": "identity", "User-Agent": "pintle-runtime"})
        # Given with each request: a session's own setting would yield to REQUESTS_CA_BUNDLE.
        self._verify: str | bool = str(ca) if ca else os.environ.get("SSL_CERT_FILE") or True

    def renew(self) -> None:
        self._session.auth = _auth(self._read())

    def entries(self, folder: str) -> list[Entry]:
        path = f"{self._root}/{folder}".rstrip("/")
        with self._get(self._api, params={"path": path}) as response:
            if response.status_code == HTTPStatus.NOT_FOUND:
                raise Refused(Reason.FETCH_FAILED, f"the registry has no artifact folder {path}")
            data = _json(response)
        files = data.get("files", [])
        if not isinstance(files, list) or not all(isinstance(file, dict) for file in files):
            raise Transient("the registry answered the listing with something else than MLflow's JSON")
        return [_entry(file) for file in files]

    def content(self, path: str) -> Iterator[bytes]:
        with self._get(f"{self._api}/{quote(f'{self._root}/{path}')}") as response:
            if response.status_code == HTTPStatus.NOT_FOUND:
                raise Changed(f"{path} was listed, and is not there")
            try:
                yield from response.iter_content(CHUNK_BYTES)
            except requests.RequestException as error:
                raise Transient(f"{path}: the answer broke off: {error}") from error

    def _get(self, url: str, params: dict[str, str] | None = None) -> requests.Response:
        try:
            response = self._session.get(
                url,
                params=params,
                stream=True,
                allow_redirects=False,
                verify=self._verify,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        except (requests.RequestException, OSError) as error:
            raise Transient(f"the registry does not answer: {error}") from error
        if response.status_code != HTTPStatus.OK:
            with response:
                _judge(response)
        return response


def _judge(response: requests.Response) -> None:
    """Return for MLflow's own 404, raise for everything else.

    An answer counts against the version only when it is MLflow's (JSON with an error code): a 404 page may
    come from a load balancer whose backend is away.
    """
    words = _words(response)
    status = response.status_code
    said = f"the registry answered {response.status_code}: {words}"
    if "Invalid Host header" in words:
        raise Transient(f"{said}; add this address to the tracking server's --allowed-hosts")
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise Transient(f"{said}; check the Secret that the RegistryConnection names")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = response.headers.get("Retry-After", "")
        raise Transient(said, after=float(wait) if wait.isdigit() else None)
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND} and _is_mlflow_error(response):
        if status == HTTPStatus.NOT_FOUND:
            return
        raise Refused(Reason.FETCH_FAILED, said)
    if response.is_redirect:
        said += f" (a redirect to {response.headers['Location']}, which is not followed)"
    raise Transient(said)


def _words(response: requests.Response) -> str:
    try:
        response._content = response.raw.read(4096, decode_content=True)  # noqa: SLF001  # bounds what `json()` and `text` see
    except (requests.RequestException, OSError):
        return response.reason
    return " ".join(response.text.split())[:300] or response.reason


def _is_mlflow_error(response: requests.Response) -> bool:
    try:
        return "error_code" in response.json()
    except (ValueError, TypeError):
        return False


def _json(response: requests.Response) -> dict[str, Any]:
    body = bytearray()
    try:
        for chunk in response.iter_content(CHUNK_BYTES):
            body += chunk
            if len(body) > LISTING_BYTES:
                raise Refused(Reason.UNSAFE_ARTIFACT, f"a folder's listing is over {LISTING_BYTES} bytes")
        response._content = bytes(body)  # noqa: SLF001  # read above, with a limit
        data = response.json()
    except requests.JSONDecodeError:
        raise Transient(
            f"the registry answered with {response.headers.get('Content-Type')}, not JSON: a login page?"
        ) from None
    except requests.RequestException as error:
        raise Transient(f"the listing broke off: {error}") from error
    if not isinstance(data, dict):
        raise Transient("the registry answered the listing with something else than MLflow's JSON")
    return data


def _entry(file: dict[str, Any]) -> Entry:
    size = file.get("file_size")
    try:
        size = None if size is None else int(size)
    except (TypeError, ValueError):
        size = None
    return Entry(name=str(file.get("path", "")), is_folder=bool(file.get("is_dir")), size=size)


def _auth(credentials: Credentials) -> AuthBase:
    """Username and password win over a token, as in MLflow's own client."""
    if credentials.username is not None and credentials.password is not None:
        return HTTPBasicAuth(credentials.username.encode(), credentials.password.encode())
    if credentials.token is not None:
        return Bearer(credentials.token)
    return NoAuth()
