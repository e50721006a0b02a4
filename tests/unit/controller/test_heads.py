"""The provisioner anchors every other chain's end, notes all of them in the cluster, and never waits for the note."""

from typing import Any

from provisioner.adapters.kubernetes.heads import LedgerHeads
from tidegate.model import TidegateError
from tidegate.store.heads import ClusterWitness


class Ledger:
    def heads(self) -> dict[str, tuple[int, str]]:
        return {"provisioner": (9, "a" * 64), "egress": (3, "b" * 64)}


class Api:
    """One ConfigMap, or an API server that is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.stored: dict[str, Any] | None = None
        self.away = away

    def get(self, _ref: object) -> dict[str, Any] | None:
        if self.away:
            raise TidegateError("cluster_unavailable", "It does not answer.")
        return self.stored

    def apply(self, _resource: object, manifest: dict[str, Any], *, force: bool) -> dict[str, Any]:
        assert force
        self.stored = manifest
        return manifest


def test_all_ends_are_noted_and_all_but_our_own_anchored() -> None:
    api = Api()
    heads = LedgerHeads(Ledger(), "provisioner", ClusterWitness(api, "tidegate"))
    assert dict(heads.heads()) == {"egress": f"3:{'b' * 64}"}
    assert ClusterWitness(api, "tidegate").heads() == Ledger().heads()


def test_an_end_already_passed_is_not_noted_again() -> None:
    api = Api()
    witness = ClusterWitness(api, "tidegate")
    witness.note({"egress": (5, "c" * 64)})
    before = api.stored
    witness.note({"egress": (4, "d" * 64)})
    assert api.stored is before


def test_a_note_that_cannot_be_read_matches_no_entry() -> None:
    api = Api()
    api.stored = {"data": {"egress": "nonsense"}}
    assert ClusterWitness(api, "tidegate").heads() == {"egress": (-1, "")}


def test_anchors_go_on_while_the_api_server_is_away() -> None:
    heads = LedgerHeads(Ledger(), "provisioner", ClusterWitness(Api(away=True), "tidegate"))
    assert set(heads.heads()) == {"egress"}
