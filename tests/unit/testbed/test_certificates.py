"""The certificates of a cluster."""

import datetime as dt
import ssl
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from testbed import certificates
from testbed.settings import Instance

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    instance = Instance("one", 0, tmp_path)
    certificates.create(instance, NOW)
    return instance


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("localhost"),
        x509.DNSName("kubernetes"),
        x509.DNSName("kubernetes.default.svc"),
        x509.DNSName("kubernetes.default.svc.cluster.local"),
        x509.IPAddress(IPv4Address("127.0.0.1")),
        x509.IPAddress(IPv4Address("10.160.0.1")),
        x509.IPAddress(IPv4Address("10.96.0.1")),
    ],
    ids=lambda name: str(name.value),
)
def test_the_api_server_is_trusted_under_each_of_its_names(
    instance: Instance, name: x509.DNSName | x509.IPAddress
) -> None:
    store = Store([load(instance.pki / "ca.crt")])
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(name)
    verifier.verify(load(instance.pki / "apiserver.crt"), [])


@pytest.mark.parametrize("identity", certificates.IDENTITIES, ids=lambda identity: identity.name)
def test_clients_are_who_they_should_be(instance: Instance, identity: certificates.Identity) -> None:
    certificate = load(instance.pki / f"{identity.name}.crt")
    certificate.verify_directly_issued_by(load(instance.pki / "ca.crt"))
    subject = certificate.subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == [identity.user]
    groups = [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    assert tuple(groups) == identity.groups
    ssl.create_default_context().load_cert_chain(
        instance.pki / f"{identity.name}.crt", instance.pki / f"{identity.name}.key"
    )


def test_keys_are_for_the_owner_alone(instance: Instance) -> None:
    assert {path.stat().st_mode & 0o077 for path in instance.pki.glob("*.key")} == {0}


def test_certificates_are_made_once(instance: Instance) -> None:
    before = (instance.pki / "apiserver.crt").read_bytes()
    certificates.create(instance, NOW + dt.timedelta(days=1))
    assert (instance.pki / "apiserver.crt").read_bytes() == before


def test_an_unfinished_set_is_made_anew(instance: Instance) -> None:
    (instance.pki / "ca.crt").unlink()  # written last
    before = (instance.pki / "apiserver.crt").read_bytes()
    certificates.create(instance, NOW)
    assert (instance.pki / "apiserver.crt").read_bytes() != before
