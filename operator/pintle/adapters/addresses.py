"""Which network addresses a registry may be at: an administrator's rules, checked where a connection is made.

A tenant chooses a registry's address, and the operator connects to it from its own place in the
network (server-side request forgery). A name can lead anywhere and be changed between a check and
a connection, so what is checked is each address that is connected to, never the name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import socket
from typing import TypeAlias

from aiohttp import AddrInfoType

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

LOOPBACK = ("127.0.0.0/8", "::1/128")
# What no registry is at: this machine, whoever is on the same wire, and what clouds answer
# credentials from. An address in another form of writing is found by `_meanings`.
REFUSED = (
    *LOOPBACK,
    "0.0.0.0/8",  # connects to this machine, as :: does
    "::/128",
    "169.254.0.0/16",  # link-local; 169.254.169.254 is the metadata service of most clouds
    "fe80::/10",
    "fd00:ec2::/32",  # AWS: instance metadata and pod identity
    "fd20:ce::254/128",  # Google Cloud metadata
    "100.100.100.200/32",  # Alibaba Cloud metadata
    "192.0.0.192/32",  # Oracle Cloud metadata
    "168.63.129.16/32",  # Azure's platform address
    "224.0.0.0/4",  # multicast
    "ff00::/8",
    "255.255.255.255/32",
)
_NAT64 = IPv6Network("64:ff9b::/96")


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


@dataclass(frozen=True, slots=True)
class AddressRules:
    """An address in `refused` is refused, unless it is in `allowed`."""

    refused: tuple[Network, ...] = _networks(REFUSED)
    allowed: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, *, refused: Iterable[str] = (), allowed: Iterable[str] = ()) -> "AddressRules":
        """Make rules from networks as text, `refused` added to those that are refused by default.

        Raises:
            ValueError: one of them is no network, such as `10.0.0.0/8`.
        """
        return cls(refused=_networks((*REFUSED, *refused)), allowed=_networks(allowed))

    def refuses(self, address: str) -> bool:
        """Whether a connection to an address, as `getaddrinfo` and sockets write it, may not be made."""
        return any(
            _within(meaning, self.refused) and not _within(meaning, self.allowed)
            for meaning in _meanings(ip_address(address))
        )


class Gate:
    """Opens the sockets for the connections of one conversation, where the rules allow it."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        self._refused: list[str] = []
        self._opened = False

    def open(self, info: AddrInfoType) -> socket:
        """Make a socket for an address just before it is connected to: the last word on where it leads."""
        family, kind, protocol, _, target = info
        address = str(target[0])
        if self._rules.refuses(address):
            self._refused.append(address)
            raise OSError(f"address {address} is refused")
        self._opened = True
        return socket(family, kind, protocol)

    @property
    def refused(self) -> tuple[str, ...]:
        """The addresses that were refused; none if another one was tried, and failed for its own reason."""
        return () if self._opened else tuple(dict.fromkeys(self._refused))


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _meanings(address: Address) -> Iterator[Address]:
    """An address, and the IPv4 address that it carries inside, if any."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    inside = (address.ipv4_mapped, address.sixtofour, address.teredo[1] if address.teredo else None)
    yield from (each for each in inside if each)
