"""Which private network an address is on, so that a page cannot lead a crawl into it."""

from __future__ import annotations

import ipaddress

PRIVATE_NETWORK = "private network"
_PRIVATE = "127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 100.64.0.0/10 fc00::/7 fe80::/10"
_RANGES = tuple(ipaddress.ip_network(text) for text in _PRIVATE.split())
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LOOPBACK = str(_RANGES[0])


def network_of(address: str) -> str:
    """The private network of an IP address, "" for a public one.

    IPv4 addresses inside of IPv6 ones are looked at. Raises ValueError for what is no address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return network_of(str(inner))
    if ip.is_loopback or ip.is_unspecified:
        return _LOOPBACK
    for network in _RANGES:
        if ip.version == network.version and ip in network:
            return str(network)
    return "" if ip.is_global and not ip.is_multicast else "reserved"


def named_network(host: str) -> str:
    """The private network that a host names without a look into the DNS, or ""."""
    if host == "localhost" or host.endswith(".localhost"):
        return _LOOPBACK
    try:
        return network_of(host.strip("[]"))
    except ValueError:
        return ""
