"""Where the test cluster keeps its files and under which addresses its parts answer; read by everything in this folder.

What was built outlives a run and lies in the cache; what runs lies under `RUN`, short-lived sockets and mounts under
`SOCKETS`, because a unix socket's path may not be long.
"""

import os
from pathlib import Path
from typing import Final

CACHE: Final = Path(os.environ.get("TIDEGATE_CACHE") or Path.home() / ".cache" / "tidegate")
BIN: Final = CACHE / "bin"
RUN: Final = CACHE / "run"
LOGS: Final = RUN / "logs"
IMAGES: Final = CACHE / "images"
VOLUMES: Final = RUN / "volumes"
SOCKETS: Final = Path("/run/tidegate-cluster")
HERE: Final = Path(__file__).resolve().parent
REPOSITORY: Final = HERE.parents[1]

NODE: Final = "tg-node"
WORLD: Final = "tg-world"
NODE_NAME: Final = "tidegate"
NODE_LINK: Final = "tg0"
WORLD_LINK: Final = "tg1"
NODE_ADDRESS: Final = "198.51.100.10"
BEACON_ADDRESS: Final = "198.51.100.1"
XNAT_ADDRESS: Final = "198.51.100.2"
POSTGRES_ADDRESS: Final = "198.51.100.3"
S3_ADDRESS: Final = "198.51.100.4"
METADATA_ADDRESS: Final = "169.254.169.254"
POD_CIDR: Final = "10.244.0.0/16"
SERVICE_CIDR: Final = "10.96.0.0/16"
DNS_SERVICE: Final = "10.96.0.10"
REGISTRY: Final = "registry.tidegate.test"

API_PORT: Final = 6443
XNAT_PORT: Final = 8080
POSTGRES_PORT: Final = 5432
S3_PORT: Final = 8333
PAGES_PORT: Final = 30080
API_DOOR: Final = 16443
POSTGRES_DOOR: Final = 15432
S3_DOOR: Final = 18333
XNAT_DOOR: Final = 18080
# Loopback ports of the machine that lead into the two namespaces: door -> (address, port).
DOORS: Final = {
    API_DOOR: (NODE_ADDRESS, API_PORT),
    PAGES_PORT: (NODE_ADDRESS, PAGES_PORT),
    POSTGRES_DOOR: (POSTGRES_ADDRESS, POSTGRES_PORT),
    S3_DOOR: (S3_ADDRESS, S3_PORT),
    XNAT_DOOR: (XNAT_ADDRESS, XNAT_PORT),
}

CONTAINERD: Final = SOCKETS / "containerd.sock"
CILIUM: Final = SOCKETS / "cilium" / "cilium.sock"
KUBECONFIG: Final = RUN / "kubeconfig"
AUDIT_LOG: Final = LOGS / "audit.jsonl"
