"""What a cloud brings that gives roles to ServiceAccounts: a stand-in for EKS' webhook, and for its STS.

The webhook does to a pod what `amazon-eks-pod-identity-webhook` does: each container whose name is not in
the annotation `eks.amazonaws.com/skip-containers` gets the role's name and a token, from which AWS' clients
make credentials by asking STS. This STS has the API server check the token, as AWS does by the cluster's
issuer, and gives the keys of the S3 server's reader: that server knows no sessions, so the session's token is
empty.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from pintle.domain import Resource
from tests.support.authority import Authority
from tests.support.kube import Kube
from tests.support.rest import Json
from tests.support.stores import READER

WEBHOOKS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
)
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
AUDIENCE = "sts.amazonaws.com"
ROLE = "eks.amazonaws.com/role-arn"
SKIP = "eks.amazonaws.com/skip-containers"
FOLDER = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
VOLUME = "aws-iam-token"
NAME = "pod-identity-webhook.pintle.test"

_GIVEN = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><SubjectFromWebIdentityToken>{subject}</SubjectFromWebIdentityToken>
<Credentials><AccessKeyId>{access}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken></SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
_REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error>
</ErrorResponse>"""


@dataclass
class Cloud:
    """The roles by the ServiceAccounts (`system:serviceaccount:ml:models`) that they trust, and who asked."""

    kube: Kube
    trusted: dict[str, str]
    sts: str = ""
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    """Role, who the token is of, and whether they were given the keys."""

    def mutate(self, pod: Json, namespace: str) -> list[Json]:
        """The JSON patch that hands a pod its ServiceAccount's role."""
        account = self.kube.get(ACCOUNTS, namespace, pod["spec"].get("serviceAccountName", "default"))
        role = account["metadata"].get("annotations", {}).get(ROLE)
        if role is None:
            return []
        skipped = pod["metadata"].get("annotations", {}).get(SKIP, "").split(",")
        env = [
            {"name": "AWS_ROLE_ARN", "value": role},
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{FOLDER}/token"},
        ]
        mount = {"name": VOLUME, "mountPath": FOLDER, "readOnly": True}
        token = {"audience": AUDIENCE, "expirationSeconds": 86400, "path": "token"}
        volume = {"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}}
        changed = {
            kind: [_with(c, env, mount) if c["name"] not in skipped else c for c in pod["spec"].get(kind, [])]
            for kind in ("initContainers", "containers")
        }
        volumes = [*pod["spec"].get("volumes", []), volume]
        return [
            {"op": "add", "path": f"/spec/{kind}", "value": value}
            for kind, value in {**changed, "volumes": volumes}.items()
        ]

    def assume(self, role: str, token: str) -> tuple[int, str]:
        """What STS answers: status and XML."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
        spec = {"token": token, "audiences": [AUDIENCE]}
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        status = self.kube.rest.ok("POST", path, {**review, "spec": spec})["status"]
        subject = status.get("user", {}).get("username", "") if status.get("authenticated") else ""
        given = bool(subject) and self.trusted.get(subject) == role
        self.asked.append((role, subject, given))
        if not given:
            return 403, _REFUSED
        return 200, _GIVEN.format(subject=subject, access=READER.access, secret=READER.secret)


def _with(container: Json, env: list[Json], mount: Json) -> Json:
    mounts = [*container.get("volumeMounts", []), mount]
    return {**container, "env": [*container.get("env", []), *env], "volumeMounts": mounts}


@contextmanager
def raised(kube: Kube, trusted: dict[str, str], namespace: str, folder: Path) -> Iterator[Cloud]:
    """Both, for the pods of a namespace, until the end of the block. They run in this process."""
    cloud = Cloud(kube, trusted)
    authority = Authority(folder)
    # The API server is a process of this machine; pods reach it, and this STS, by the same address.
    host = urlsplit(kube.rest.server).hostname or ""
    with _serving(_sts(cloud), (host, 0)) as sts, _serving(_webhook(cloud), (host, 0)) as webhook:
        webhook.socket = authority.server(host).wrap_socket(webhook.socket, server_side=True)
        cloud.sts = f"http://{host}:{sts.server_port}"
        url = f"https://{host}:{webhook.server_port}/mutate"
        kube.create(WEBHOOKS, "", _configuration(url, authority.pem, namespace))
        try:
            yield cloud
        finally:
            kube.delete(WEBHOOKS, "", NAME)


def _configuration(url: str, ca: str, namespace: str) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    webhook = {
        "name": NAME,
        "clientConfig": {"url": url, "caBundle": base64.b64encode(ca.encode()).decode()},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    return {"metadata": {"name": NAME}, "webhooks": [webhook]}


@contextmanager
def _serving(
    handler: type[BaseHTTPRequestHandler], address: tuple[str, int]
) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(address, handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *_: object) -> None:
        """Nothing is printed for each request."""


def _sts(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Sts(_Handler):
        def do_POST(self) -> None:
            form = {name: values[0] for name, values in parse_qs(self.body().decode()).items()}
            assert form["Action"] == "AssumeRoleWithWebIdentity", form
            status, text = cloud.assume(form["RoleArn"], form["WebIdentityToken"])
            self.answer(status, "text/xml", text)

    return Sts


def _webhook(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Webhook(_Handler):
        def do_POST(self) -> None:
            request = json.loads(self.body())["request"]
            patch = json.dumps(cloud.mutate(request["object"], request["namespace"]))
            response = {
                "uid": request["uid"],
                "allowed": True,
                "patchType": "JSONPatch",
                "patch": base64.b64encode(patch.encode()).decode(),
            }
            review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            self.answer(200, "application/json", json.dumps(review))

    return Webhook
