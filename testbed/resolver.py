"""Which resolver the node's own programs, and pods with `dnsPolicy: Default`, ask."""

from ipaddress import IPv4Address, ip_address
from pathlib import Path


def for_node(cluster_dns: IPv4Address, host: str | None = None) -> str:
    """The text of the node's resolv.conf.

    The host's, unless that names a resolver on the host's loopback, where the node cannot reach it. The node
    then asks CoreDNS, which runs on the host and forwards to that resolver.
    """
    text = Path("/etc/resolv.conf").read_text() if host is None else host
    lines = [line for line in text.splitlines() if not _is_loopback(line)]
    if not any(line.split()[:1] == ["nameserver"] for line in lines):
        lines.append(f"nameserver {cluster_dns}")
    return "\n".join(lines) + "\n"


def _is_loopback(line: str) -> bool:
    words = line.split()
    if len(words) < 2 or words[0] != "nameserver":  # noqa: PLR2004 - keyword and address
        return False
    return ip_address(words[1].partition("%")[0]).is_loopback
