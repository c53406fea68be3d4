"""The cluster's certificate authority and what it signs."""

import datetime as dt
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from testbed.settings import NODE_NAME, Instance

_LIFETIME = dt.timedelta(days=3650)


@dataclass(frozen=True)
class Identity:
    """A client of the API server, as its certificate names it."""

    name: str
    user: str
    groups: tuple[str, ...] = ()


ADMIN = Identity("admin", "kubernetes-admin", ("system:masters",))
CONTROLLER_MANAGER = Identity("controller-manager", "system:kube-controller-manager")
SCHEDULER = Identity("scheduler", "system:kube-scheduler")
KUBELET = Identity("kubelet", f"system:node:{NODE_NAME}", ("system:nodes",))
PROXY = Identity("proxy", "system:kube-proxy")
COREDNS = Identity("coredns", "system:coredns")
IDENTITIES = (ADMIN, CONTROLLER_MANAGER, SCHEDULER, KUBELET, PROXY, COREDNS)


def create(instance: Instance, now: dt.datetime) -> None:
    """Writes the authority, every certificate and the key that signs service account tokens, once.

    The last file written is `ca.crt`: a folder that has it is whole.
    """
    pki = instance.pki
    if (pki / "ca.crt").exists():
        return
    pki.mkdir(parents=True, exist_ok=True)
    authority = _Authority(now)
    service_accounts = ec.generate_private_key(ec.SECP256R1())
    _write(pki / "service-accounts.key", _private(service_accounts))
    _write(pki / "service-accounts.pub", _public(service_accounts))
    authority.issue_server(pki, "apiserver", _server_names(instance), _server_addresses(instance))
    for identity in IDENTITIES:
        authority.issue_client(pki, identity)
    _write(pki / "ca.crt", authority.certificate.public_bytes(serialization.Encoding.PEM))


def _server_names(instance: Instance) -> list[str]:
    service = "kubernetes.default.svc.cluster.local"
    parts = service.split(".")
    return ["localhost", instance.name, *(".".join(parts[:count]) for count in (1, 2, 3, 5))]


def _server_addresses(instance: Instance) -> list[IPv4Address]:
    return [IPv4Address("127.0.0.1"), instance.host_address, instance.api_service_address]


class _Authority:
    def __init__(self, now: dt.datetime) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pintle-testbed")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        self.certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue_client(self, pki: Path, identity: Identity) -> None:
        groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups]
        subject = x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, identity.user)])
        self._issue(pki, identity.name, subject, [])

    def issue_server(self, pki: Path, name: str, names: list[str], addresses: list[IPv4Address]) -> None:
        alternatives = [*map(x509.DNSName, names), *map(x509.IPAddress, addresses)]
        self._issue(pki, name, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), alternatives)

    def _issue(self, pki: Path, name: str, subject: x509.Name, alternatives: list[x509.GeneralName]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if alternatives else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(subject, key).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        _write(pki / f"{name}.key", _private(key))
        _write(pki / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        # Python 3.13 refuses certificates without key identifiers.
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .add_extension(own, critical=False)
            .add_extension(issuer, critical=False)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - dt.timedelta(minutes=5))  # clocks differ
            .not_valid_after(self._now + _LIFETIME)
        )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(0o600)  # also when an earlier, killed run left the file
