"""Where things are that pods of a project may or may not reach, as numbers: there is no DNS in a project.

Found by `addresses.py` of the adapters, which asks; rendering only reads.
"""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Address:
    """An IPv4 address and a TCP port."""

    host: str
    port: int


@dataclass(frozen=True)
class Addresses:
    """`xnat` are those of this project's data sets, the rest is the same for all; sorted, so order never matters."""

    hub: Address
    beacon: Address
    api_server: Address
    dns: Address
    store: tuple[Address, ...]
    xnat: tuple[Address, ...]
