"""What the provisioner is told on a cluster: a file of settings without secrets, and a folder of secret files.

The chart renders `KubernetesSettings` as JSON from its values, in camelCase. Secret files are named in `Secrets`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from provisioner.adapters.kubernetes.cohorts.objects import CohortSettings
from provisioner.adapters.kubernetes.settings import ClusterSettings
from tidegate.cluster import mounted
from tidegate.model.names import Line
from tidegate.objects.s3 import S3Key, S3Place

PORTS = {"http": 80, "https": 443}


class KubernetesSettings(ClusterSettings):
    """Beside what rendering needs.

    Attributes:
        object_store: where policy bundles, the vault and the packs lie; `s3_endpoint` follows from it.
        cohort: how cohorts are made.
        hub_service: the hub's Service, where servers are stopped.
        egress_service: review's Service, which says what of a project still waits there.
        opa_url: the policy server beside this process.
        resync_seconds: how often everything is looked at whatever was heard.
        health_port: of ``/healthz``, ``/readyz`` and ``/metrics``.
    """

    s3_endpoint: str = ""
    object_store: S3Place | None = None
    cohort: CohortSettings = CohortSettings()
    hub_service: Line = "tidegate-hub"
    egress_service: Line = "tidegate-egress"
    opa_url: str = "http://127.0.0.1:8181"
    resync_seconds: Annotated[float, Field(ge=1, le=3600)] = 300
    health_port: Annotated[int, Field(ge=1, le=65535)] = 8080

    @property
    def resync(self) -> timedelta:
        return timedelta(seconds=self.resync_seconds)

    def cluster(self) -> ClusterSettings:
        """What rendering needs, with the object store as ``host:port``."""
        mine = {name: getattr(self, name) for name in ClusterSettings.model_fields}
        endpoint = self.object_store.endpoint if self.object_store else self.s3_endpoint
        return ClusterSettings(**{**mine, "s3_endpoint": host_and_port(endpoint)})


@dataclass(frozen=True)
class Secrets:
    """The folder of secret files, by name.

    ``database-url opa-token bundle-key s3-access-key s3-secret-key hub-token-provisioner retention-token``, for each
    XNAT server ``xnat/<host>/username`` and ``password``, and for loaders ``loader-s3-access-key`` and
    ``loader-s3-secret-key``.
    """

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name

    def text(self, name: str) -> str:
        """What is in a file, empty where there is none."""
        try:
            return self.path(name).read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def s3_key(self) -> S3Key:
        return S3Key(self.text("s3-access-key"), self.text("s3-secret-key"))


def read_settings(env: Mapping[str, str]) -> tuple[KubernetesSettings, Secrets]:
    """As the environment says.

    Raises:
        TidegateError: ``settings_invalid``, naming each wrong, missing or unknown field.
    """
    settings = mounted.read_settings(KubernetesSettings, "the provisioner", env)
    return settings, Secrets(mounted.secrets_folder(env))


def host_and_port(endpoint: str) -> str:
    """``host:port`` of a URL; a text that is that already stays."""
    url = urlsplit(endpoint)
    if url.scheme not in PORTS or not url.hostname:
        return endpoint
    return f"{url.hostname}:{url.port or PORTS[url.scheme]}"
