"""What review is told on Kubernetes. The chart renders it from its values into ``TIDEGATE_SETTINGS``, in camelCase.

No secret is in it: those are files in the folder ``TIDEGATE_SECRETS``. The same settings serve two pods:

* `egress`: ``python -m egress_review serve``, port 8003, probes ``/healthz`` (this process lives) and ``/readyz`` (its
  database answers); port 8004 for the provisioner alone, which shows the secret file ``retention-token``;
* `egress-worker`: ``python -m egress_review work``, the spool's volume on ``spool``, ``/tmp`` to write; alive while
  ``python -m egress_review.bootstrap.alive work`` ends with 0.

Secret files of both: ``database-url`` (role `tidegate_egress`), ``egress-key``, ``opa-token``, ``hub-token-egress``,
``s3-access-key`` and ``s3-secret-key`` (of the purpose `egress` or `egress-worker`).

The `scan` pod (``python -m egress_review scan``) is told ``TIDEGATE_SPOOL`` and nothing else, and has no secret; one
replica, ``Recreate``, ``/tmp`` to write; alive while ``python -m egress_review.bootstrap.alive scan`` ends with 0. The
spool's ``jobs`` is mounted there read-only, after ``python -m egress_review.bootstrap.folders``.

Migrations are ``python -m egress_review migrate`` with the owner's ``database-url``, after
``python -m tidegate.store.postgres``; they need no settings.
"""

import os
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from tidegate.cluster.mounted import read_settings
from tidegate.model.names import Frozen, Line
from tidegate.objects.purposes import PACKS, QUARANTINE, RELEASED

HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?"
Origin = Annotated[str, Field(pattern=rf"^https?://{HOST}(:[0-9]{{1,5}})?$")]


class ObjectStoreSettings(Frozen):
    """`ca_file` is the certificate authority of a store of one's own; empty takes the system's."""

    endpoint: Origin
    region: Line
    ca_file: str = ""


class Buckets(Frozen):
    quarantine: Line = QUARANTINE
    released: Line = RELEASED
    packs: Line = PACKS


class KubernetesSettings(Frozen):
    """`public_url` is the scheme and host of the review pages, `hub_public_url` the hub's pages, ``.../hub/``.

    `hub_service` and `own_service` are the names of the release's Services.
    """

    public_url: Origin
    hub_public_url: Annotated[str, Field(pattern=rf"^https?://{HOST}(:[0-9]{{1,5}})?/hub/$")]
    object_store: ObjectStoreSettings
    buckets: Buckets = Buckets()
    hub_service: Line = "tidegate-hub"
    own_service: Line = "tidegate-egress"
    opa_url: Line = "http://127.0.0.1:8181"
    port: Annotated[int, Field(ge=1024, le=65535)] = 8003
    spool: Line = "/var/spool/tidegate"
    lease_seconds: Annotated[int, Field(ge=3, le=3600)] = 30


def load_settings(environ: Mapping[str, str] = os.environ) -> KubernetesSettings:
    """The settings of this pod. Raises ``settings_invalid``."""
    return read_settings(KubernetesSettings, "review", environ)
