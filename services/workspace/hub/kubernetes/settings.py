"""What the hub is told on Kubernetes. The chart renders it from its values into ``TIDEGATE_SETTINGS``, in camelCase.

No secret is in it: those are files in the folder ``TIDEGATE_SECRETS``. The chart gives the hub's pod

* command ``python -m workspace.hub``, container port 8081, service account `hub` (its token mounted), an `emptyDir` on
  ``/tmp`` (everything else may be read-only), probes on ``/hub/health``;
* secret files ``database-url``, ``proxy-token``, ``cookie-secret`` (64 hexadecimal digits), ``opa-token``,
  ``hub-token-provisioner`` and ``hub-token-egress``;
* ``enableServiceLinks`` left on: the addresses of services are read from ``TIDEGATE_HUB_SERVICE_HOST`` and its like,
  since a workspace has no DNS and must be given numbers.

The proxy is a Deployment of its own from the same image, one replica, which the hub only configures:

* environment ``CONFIGPROXY_AUTH_TOKEN`` from the Secret that the hub has as ``proxy-token``;
* command ``node $(TIDEGATE_CHP)``; arguments ``--ip=0.0.0.0 --port=8000 --api-ip=0.0.0.0 --api-port=8001
  --host-routing --default-target=http://$(TIDEGATE_HUB_SERVICE_HOST):8081
  --error-path=FOLDER``, which holds the page shown where nobody answers;
* probes on ``/_chp_healthz`` of port 8000. It needs no service account token and may be read-only.

Flows: proxy to hub 8081, egress 8003 and session servers 8888; hub to proxy 8001, session servers 8888, the database,
the Kubernetes API; egress and provisioner to hub 8081.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from tidegate.cluster.mounted import read_settings
from tidegate.model import Profile
from tidegate.model.names import Frozen, Line
from workspace.hub.public import PublicSettings

SERVICES: Final = ("provisioner", "egress", "culler")
HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"
Origin = Annotated[str, Field(pattern=rf"^https?://{HOST}(:[0-9]{{1,5}})?$")]


class Images(Frozen):
    """By digest: admission refuses others. `services` is the one of the probe that goes first in every workspace."""

    session: Line
    services: Line


class ServiceNames(Frozen):
    """The Services of the release the hub speaks to, itself included."""

    hub: Line = "tidegate-hub"
    proxy_api: Line = "tidegate-proxy-api"
    egress: Line = "tidegate-egress"


class KubernetesSettings(PublicSettings):
    """`origin` (``publicUrl``) is the scheme and host of the hub's pages, of which all others are subdomains.

    `profiles` say of each kind of workspace which image it runs from and where it may be placed; `host_users` is put
    into every workspace as it is.
    """

    origin: Origin = Field(alias="publicUrl")
    images: Images
    service_names: ServiceNames = ServiceNames()
    opa_url: Line = "http://127.0.0.1:8181"
    start_seconds: Annotated[int, Field(ge=30, le=3600)] = 180
    profiles: Annotated[tuple[Profile, ...], Field(min_length=1)]
    host_users: bool | None = None

    @property
    def public_url(self) -> str:
        return self.origin


def load_settings(environ: Mapping[str, str] = os.environ) -> KubernetesSettings:
    """The settings of this pod. Raises ``settings_invalid``."""
    return read_settings(KubernetesSettings, "the hub", environ)
