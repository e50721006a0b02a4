"""The two network namespaces of the test cluster and the link between them; called when it goes up and down.

`tg-world` plays everything outside. It has no route of its own, so no packet of the cluster can leave the machine.
"""

from pathlib import Path

from cluster.places import (
    BEACON_ADDRESS,
    METADATA_ADDRESS,
    NODE,
    NODE_ADDRESS,
    NODE_LINK,
    POD_CIDR,
    POSTGRES_ADDRESS,
    S3_ADDRESS,
    WORLD,
    WORLD_LINK,
    XNAT_ADDRESS,
)
from cluster.shell import run

WORLD_ADDRESSES = (BEACON_ADDRESS, XNAT_ADDRESS, POSTGRES_ADDRESS, S3_ADDRESS)


def make_networks() -> None:
    """Both namespaces, linked and with their addresses; nothing is done where they are."""
    if exists(NODE) and exists(WORLD):
        return
    remove_networks()
    for name in (NODE, WORLD):
        run("ip", "netns", "add", name)
        run("ip", "link", "set", "lo", "up", network=name)
    run("ip", "link", "add", NODE_LINK, "netns", NODE, "type", "veth", "peer", "name", WORLD_LINK, "netns", WORLD)
    _address(NODE, NODE_LINK, f"{NODE_ADDRESS}/24")
    for address in WORLD_ADDRESSES:
        _address(WORLD, WORLD_LINK, f"{address}/24")
    _address(WORLD, WORLD_LINK, f"{METADATA_ADDRESS}/32")
    for name, link in ((NODE, NODE_LINK), (WORLD, WORLD_LINK)):
        run("ip", "link", "set", link, "up", network=name)
    run("ip", "route", "add", "default", "via", BEACON_ADDRESS, network=NODE)
    run("ip", "route", "add", POD_CIDR, "via", NODE_ADDRESS, network=WORLD)
    run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1", network=NODE)


def remove_networks() -> None:
    """Their links go with them."""
    for name in (NODE, WORLD):
        if exists(name):
            run("ip", "netns", "delete", name)


def exists(name: str) -> bool:
    return Path("/run/netns", name).exists()


def _address(network: str, link: str, address: str) -> None:
    run("ip", "address", "add", address, "dev", link, network=network)
