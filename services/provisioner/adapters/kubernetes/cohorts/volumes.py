"""A cohort's volume and its read-only double. Called by `KubernetesCohorts`.

Access modes alone enforce nothing, so the double is read-only three times over: its volume, its claim, and each mount.
The claim carries what was sealed. Both are made anew rather than mended: a volume's bytes cannot be changed under it.
"""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from provisioner.adapters.kubernetes.cohorts.objects import (
    INPUTS,
    SEALED,
    SPOILED,
    USE,
    VERIFIED,
    CohortSettings,
    read_only_claim,
    read_only_volume,
    volume_name,
    writable_claim,
)
from provisioner.adapters.kubernetes.cohorts.reading import explained
from provisioner.adapters.kubernetes.kinds import CLAIM, VOLUME
from provisioner.adapters.kubernetes.render.quantities import in_bytes
from provisioner.adapters.kubernetes.settings import ClusterSettings
from provisioner.ports import UnderWay
from tidegate.cluster.names import cohort_claim, namespace_of
from tidegate.cluster.port import ClusterApi, Manifest, Ref
from tidegate.model import TidegateError, to_text
from tidegate.model.status import CohortStatus

REFUSED = frozenset({"cluster_denied", "cluster_invalid"})


@dataclass(frozen=True)
class Sealed:
    """What the read-only claim says of itself."""

    status: CohortStatus
    inputs: str
    verified_at: datetime


class Volumes:
    def __init__(self, api: ClusterApi, cluster: ClusterSettings, settings: CohortSettings) -> None:
        self._api = api
        self._cluster = cluster
        self._settings = settings

    def sealed(self, project: str, version: int) -> Sealed | None:
        """What was sealed, where the read-only claim is there and not on its way out."""
        claim = self._claim(project, version, read_only=True)
        if claim is None or claim["metadata"].get("deletionTimestamp"):
            return None
        notes = claim["metadata"].get("annotations", {})
        try:
            status = CohortStatus.model_validate_json(notes.get(SEALED, ""))
            return Sealed(status, notes.get(INPUTS, ""), datetime.fromisoformat(notes.get(VERIFIED, "")))
        except (ValidationError, ValueError):
            return None

    def is_whole(self, project: str, status: CohortStatus) -> bool:
        """Whether claim and volume are bound to each other, read-only, over the bytes that were sealed."""
        claim = self._claim(project, status.version, read_only=True)
        found = self.sealed(project, status.version)
        volume, source = self._volume(volume_name(project, status.version)), self._source(project, status.version)
        if claim is None or found is None or volume is None or source is None:
            return False
        same = found.status.manifest_sha256 == status.manifest_sha256
        return same and _is_bound(claim, volume) and _shows(volume, read_only_volume(project, status.version, source))

    def make_room(self, project: str, version: int) -> None:
        """The volume to write on, as large as the settings say. One that cannot grow is made anew while it is unsealed.

        Raises:
            UnderWay: while one is on its way out.
            TidegateError: ``QUOTA_EXCEEDED`` or what the cluster said.
        """
        wanted = writable_claim(project, version, self._cluster, self._settings)
        claim = self._claim(project, version, read_only=False)
        try:
            if claim is None:
                self._api.create(CLAIM, wanted)
            elif claim["metadata"].get("deletionTimestamp"):
                raise UnderWay
            elif _asked(claim) < _asked(wanted):
                self._grow(claim, wanted)
        except TidegateError as error:
            raise explained(error) from error

    def hand_over(self, project: str, status: CohortStatus, inputs: str, now: datetime) -> None:
        """The sealed bytes as a volume and claim of their own.

        Raises:
            UnderWay: until they are bound to each other.
            TidegateError: what the cluster said.
        """
        source = self._source(project, status.version)
        if source is None:
            raise UnderWay
        self._put_volume(read_only_volume(project, status.version, source))
        claim = read_only_claim(project, status, inputs, to_text(now))
        found = self._claim(project, status.version, read_only=True)
        if found is None:
            self._api.create(CLAIM, claim)
        elif found["metadata"].get("annotations", {}).get(SEALED) != claim["metadata"]["annotations"][SEALED]:
            self._api.delete(self._ref(project, status.version, read_only=True))
        if not self.is_whole(project, status):
            raise UnderWay
        self._mark_spoiled(project, status.version, spoiled=False)

    def note_verified(self, project: str, version: int, now: datetime) -> None:
        claim = self._claim(project, version, read_only=True)
        if claim is not None:
            claim["metadata"].setdefault("annotations", {})[VERIFIED] = to_text(now)
            self._api.replace(CLAIM, claim)

    def is_spoiled(self, project: str, version: int) -> bool:
        claim = self._claim(project, version, read_only=False)
        return claim is not None and SPOILED in claim["metadata"].get("annotations", {})

    def spoil(self, project: str, version: int) -> None:
        """Remembered first, so that a controller killed in between still has the view made anew."""
        self._mark_spoiled(project, version, spoiled=True)
        self._api.delete(self._ref(project, version, read_only=True))
        self._api.delete(Ref(VOLUME, volume_name(project, version)))

    def _put_volume(self, wanted: Manifest) -> None:
        """One that belonged to a claim that is gone cannot be bound again: it goes, and a new one comes."""
        found = self._volume(wanted["metadata"]["name"])
        if found is None:
            self._api.create(VOLUME, wanted)
        elif found["metadata"].get("deletionTimestamp"):
            raise UnderWay
        elif found.get("status", {}).get("phase") in {"Released", "Failed"} or not _shows(found, wanted):
            self._api.delete(Ref(VOLUME, wanted["metadata"]["name"]))
            raise UnderWay

    def _grow(self, claim: Manifest, wanted: Manifest) -> None:
        bigger = {**claim, "spec": {**claim["spec"], "resources": wanted["spec"]["resources"]}}
        try:
            self._api.replace(CLAIM, bigger)
        except TidegateError as error:
            if error.code not in REFUSED or "exceeded quota" in error.sentence:
                raise
            metadata = claim["metadata"]
            self._api.delete(Ref(CLAIM, metadata["name"], metadata["namespace"]), uid=metadata["uid"])
            raise UnderWay from error

    def _mark_spoiled(self, project: str, version: int, *, spoiled: bool) -> None:
        claim = self._claim(project, version, read_only=False)
        if claim is None or (SPOILED in claim["metadata"].get("annotations", {})) == spoiled:
            return
        notes = {k: v for k, v in claim["metadata"].get("annotations", {}).items() if k != SPOILED}
        claim["metadata"]["annotations"] = {**notes, **({SPOILED: "true"} if spoiled else {})}
        self._api.replace(CLAIM, claim)

    def _source(self, project: str, version: int) -> Manifest | None:
        """The volume on which the cohort was made."""
        claim = self._claim(project, version, read_only=False) or {}
        name = claim.get("spec", {}).get("volumeName", "")
        return self._volume(name) if name else None

    def _volume(self, name: str) -> Manifest | None:
        return self._api.get(Ref(VOLUME, name))

    def _claim(self, project: str, version: int, *, read_only: bool) -> Manifest | None:
        return self._api.get(self._ref(project, version, read_only=read_only))

    def _ref(self, project: str, version: int, *, read_only: bool) -> Ref:
        return Ref(CLAIM, cohort_claim(version, read_only=read_only), namespace_of(project))


def _asked(claim: Manifest) -> int:
    return in_bytes(claim["spec"]["resources"]["requests"]["storage"])


def _is_bound(claim: Manifest, volume: Manifest) -> bool:
    """To each other, and neither on its way out."""
    going = any(item["metadata"].get("deletionTimestamp") for item in (claim, volume))
    bound = all(item.get("status", {}).get("phase") == "Bound" for item in (claim, volume))
    whose = volume["spec"].get("claimRef", {})
    return (
        bound
        and not going
        and claim["spec"].get("accessModes") == ["ReadOnlyMany"]
        and claim["spec"].get("volumeName") == volume["metadata"]["name"]
        and whose.get("uid") == claim["metadata"]["uid"]
    )


def _shows(found: Manifest, wanted: Manifest) -> bool:
    """Whether a volume is read-only and over the same bytes as the one that would be made now."""
    own = ("accessModes", "persistentVolumeReclaimPolicy")
    where = {key for key in (*found["spec"], *wanted["spec"]) if key not in USE}
    return all(found["spec"].get(key) == wanted["spec"].get(key) for key in (*own, *where))
