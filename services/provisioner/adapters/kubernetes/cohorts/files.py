"""Which secret files a loader's job gets: the account of its XNAT servers for `pull`, the vault's key for `vault`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.adapters.kubernetes.addresses import archive_of
from provisioner.adapters.kubernetes.cohorts.objects import SECRETS_FOLDER
from provisioner.domain.loading import Order, Stage
from tidegate.model import TidegateError
from tidegate.objects.s3 import S3Place

CA_FILE = "ca.crt"
KEYS = ("s3-access-key", "s3-secret-key")


@dataclass(frozen=True)
class LoaderFiles:
    """`folder` holds the service's own secret files; they are read when a job is made, so they may be replaced."""

    folder: Path
    place: S3Place | None

    def keeps(self) -> bool:
        """Whether there is a vault to keep files in, and a key for loaders to write there."""
        return self.place is not None and all((self.folder / f"loader-{name}").is_file() for name in KEYS)

    def files_for(self, stage: Stage, order: Order) -> Mapping[str, bytes]:
        """By file name.

        Raises:
            TidegateError: ``XNAT_NO_ACCOUNT``; never says what is in a file.
        """
        if stage is Stage.PULL:
            hosts = sorted({archive_of(dataset.spec.xnat.server)[0] for dataset in order.datasets})
            return {f"xnat-{host}.json": self._account(host) for host in hosts}
        return self._vault() if stage is Stage.VAULT else {}

    def _account(self, host: str) -> bytes:
        parts = [self.folder / "xnat" / host / name for name in ("username", "password")]
        try:
            user, password = (part.read_text(encoding="utf-8").strip() for part in parts)
        except OSError:
            raise TidegateError(
                "XNAT_NO_ACCOUNT",
                f"There is no account for the XNAT server {host}.",
                "The operator names a Secret with its user name and password in the chart's values.",
            ) from None
        return json.dumps({"user": user, "password": password}).encode()

    def _vault(self) -> Mapping[str, bytes]:
        if self.place is None:
            return {}
        keys = {name: (self.folder / f"loader-{name}").read_bytes() for name in KEYS}
        if not self.place.ca_file:
            return {**keys, "s3.json": self.place.model_dump_json().encode()}
        place = self.place.model_copy(update={"ca_file": f"{SECRETS_FOLDER}/{CA_FILE}"})
        ca = Path(self.place.ca_file).read_bytes()
        return {**keys, CA_FILE: ca, "s3.json": place.model_dump_json().encode()}
