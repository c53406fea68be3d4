"""A real HTTP server on the loopback that says what a test wants: what no sane registry would."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

API = "/api/2.0/mlflow-artifacts/artifacts"


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None
    """A Content-Length other than the body's: the connection is closed when the body is written."""


@dataclass
class Script:
    """Listings by folder and contents by path, both below the artifact's root, and faults that come first."""

    root: str = "1/models/m-1/artifacts"
    listings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    pages: dict[str, Reply] = field(default_factory=dict)
    """Answers by whole path, for what is no registry."""
    faults: list[Reply | None] = field(default_factory=list)
    """Answered to the first requests, one each; None lets a request through."""
    paths: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)

    def hold(self, **files: bytes) -> Script:
        """Files at the root, listed as they are."""
        self.files |= files
        self.listings[""] = [
            {"path": name, "is_dir": False, "file_size": len(body)} for name, body in self.files.items()
        ]
        return self

    def reply(self, target: str) -> Reply:
        parts = urlsplit(target)
        if parts.path in self.pages:
            return self.faults.pop(0) or self.pages[parts.path] if self.faults else self.pages[parts.path]
        if self.faults and (fault := self.faults.pop(0)) is not None:
            return fault
        if parts.path == API:
            folder = parse_qs(parts.query)["path"][0].removeprefix(self.root).strip("/")
            files = self.listings.get(folder)
            return Reply(
                body=json.dumps({"files": files} if files else {}).encode(),
                headers={"Content-Type": "application/json"},
            )
        body = self.files.get(unquote(parts.path).removeprefix(f"{API}/{self.root}/"))
        return Reply(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}') if body is None else Reply(body=body)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextlib.contextmanager
def serve(script: Script) -> Iterator[str]:
    """Run the script; gives the server's URI."""
    with _Server(("127.0.0.1", 0), _handler(script)) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _handler(script: Script) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script.paths.append(unquote(self.path))
            script.authorizations.append(self.headers.get("Authorization"))
            reply = script.reply(self.path)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header(
                "Content-Length", str(len(reply.body) if reply.promised is None else reply.promised)
            )
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_HEAD = do_GET  # noqa: N815  # the name that the base class looks for

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the test tells what it saw."""

    return Handler
