"""A registry that lies about its listings: MLflow, with one more entry. A script: it runs in a pod.

Each port alters in its own way: `ALTERATIONS` is a JSON object of port -> name of the entry that is added
("" for none), `UPSTREAM` the URI of the MLflow that everything else comes from.
"""

import json
import os
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ALTERATIONS: dict[str, str] = json.loads(os.environ.get("ALTERATIONS", "{}"))
LISTING = "/api/2.0/mlflow-artifacts/artifacts?"


class Altering(BaseHTTPRequestHandler):
    """Passes a request on, and adds an entry to a listing's answer."""

    def do_GET(self) -> None:
        status, kind, body = _upstream(self.path)
        name = ALTERATIONS[str(self.connection.getsockname()[1])]
        if name and status == 200 and self.path.startswith(LISTING):
            files = json.loads(body)["files"]
            body = json.dumps({"files": [*files, {"path": name, "is_dir": False, "file_size": 4}]}).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _upstream(path: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(os.environ["UPSTREAM"] + path, timeout=30) as answer:  # noqa: S310 - http
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


if __name__ == "__main__":
    servers = [ThreadingHTTPServer(("", int(port)), Altering) for port in ALTERATIONS]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()
