"""The connections to the API server, and the credentials that are used on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from typing_extensions import override

REQUEST_SECONDS = 10
# A TLS handshake costs some 5 ms of a rollback. The API server closes idle connections after 90 s.
_KEEPALIVE_SECONDS = 60
_CONNECTIONS = 32


async def find_credentials(configuration: Configuration, kubeconfig: Path | None) -> None:
    """Fill in the pod's service account, or outside a pod the current context of a kubeconfig.

    The service account's token is read anew every minute: it is rotated.

    Raises:
        ConfigException: there is neither.
    """
    # Python 3.13 is stricter about certificates than Go clients are (kubernetes-client/python#2394).
    configuration.disable_strict_ssl_verification = True
    if kubeconfig is None:
        try:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call] # so it is
        except ConfigException:
            pass  # not in a pod
        else:
            return
    await load_kube_config(  # type: ignore[no-untyped-call] # so it is
        config_file=str(kubeconfig) if kubeconfig else None, client_configuration=configuration
    )


@dataclass(frozen=True, slots=True)
class Login:
    """Where the API server is and how to log in, for a client other than this package's. Paths are files."""

    server: str
    ca_path: str | None
    certificate_path: str | None
    key_path: str | None
    scheme: str | None = None
    token: str | None = field(default=None, repr=False)


async def login(kubeconfig: Path | None = None) -> Login:
    """Read the credentials as they are now. Raises ConfigException as `find_credentials` does."""
    configuration = Configuration()
    await find_credentials(configuration, kubeconfig)
    header = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization") or ""
    scheme, _, token = header.strip().rpartition(" ")
    return Login(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        certificate_path=configuration.cert_file,
        key_path=configuration.key_file,
        scheme=scheme or None,
        token=token or None,
    )


class Connections(RESTClientObject):
    """The package's connections, kept open for longer, with bodies sent as they are given."""

    @override
    def _create_connector(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(
            limit=_CONNECTIONS, ssl=self.ssl_context, keepalive_timeout=_KEEPALIVE_SECONDS
        )

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Make one request; give the answer's status, headers and body.

        In place of the package's `request`, which encodes bodies in a way of its own (see `wire.encode`).
        """
        self.pool_manager = self.pool_manager or self._create_pool_manager()
        async with self.pool_manager.request(
            method,
            url,
            headers=headers,
            data=body,
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
            allow_redirects=False,
            proxy=self.proxy,
            proxy_headers=self.proxy_headers,
            server_hostname=self.configuration.tls_server_name,
        ) as answer:
            return answer.status, answer.headers, await answer.read()
