"""Who a visitor is: the address, and which addresses are those of proxies."""

import ipaddress
import os
from typing import Optional, Union

from mobilenetv2.runtime.errors import UserError

VARIABLE = "FORWARDED_ALLOW_IPS"  # of uvicorn, which believes X-Forwarded-For of these addresses
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


def parsed(text: str) -> Optional[Address]:
    """None for what is no IP address, as of a Unix socket. An IPv4 address that is written as IPv6 is an IPv4 address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def neighbourhood(text: str) -> str:
    """What the limits of one visitor hold for: an IPv4 address, or the /64 network of an IPv6 address, which one user has."""
    address = parsed(text)
    return str(ipaddress.ip_network((address, 64), strict=False)) if address and address.version == 6 else text


class Proxies:
    """The addresses of proxies, which speak for many visitors. `address in proxies`."""

    def __init__(self, text: str):
        """text: addresses and networks with commas between them, or "*" for all. Raises UserError for anything else."""
        self._all = text.strip() == "*"
        self._networks = []
        for entry in () if self._all else filter(None, map(str.strip, text.split(","))):
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                raise UserError(f"{VARIABLE}={text}: {entry} is no IP address or network such as 10.0.0.0/8") from None

    @classmethod
    def of_environment(cls) -> "Proxies":
        """As uvicorn reads it: this machine, where nothing is set."""
        return cls(os.environ.get(VARIABLE, "127.0.0.1"))

    def __contains__(self, text: str) -> bool:
        address = parsed(text)
        return self._all or any(address in network for network in self._networks if address)
