"""What rendering needs, with made-up addresses: settings of an installation, and where things are in it."""

from ipaddress import IPv4Network
from typing import Any

from provisioner.adapters.kubernetes.render import Address, Addresses
from provisioner.adapters.kubernetes.settings import ClusterSettings

IMAGE = f"registry.tidegate.test/services@sha256:{'a' * 64}"
ADDRESSES = Addresses(
    hub=Address("10.96.10.1", 8081),
    beacon=Address("10.96.10.3", 9000),
    api_server=Address("10.96.0.1", 443),
    dns=Address("10.96.0.10", 53),
    store=(Address("198.51.100.4", 8333),),
    xnat=(Address("198.51.100.2", 8080),),
)


def cluster_settings(**changes: Any) -> ClusterSettings:
    known = {
        "services_image": IMAGE,
        "s3_endpoint": "198.51.100.4:8333",
        "cohorts_mib": 2048,
        "never": (IPv4Network("10.244.0.0/16"), IPv4Network("10.96.0.0/16")),
    }
    return ClusterSettings(**{**known, **changes})
