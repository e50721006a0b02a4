"""The witness of a cluster: the last entry of each chain in a ConfigMap, out of reach of whoever holds the database.

The provisioner notes what it anchors; `tidegate ledger verify` compares. Who can write both the database and this
object can still cut off a chain's end: copy it elsewhere, as the operator's guide says.
"""

from collections.abc import Mapping
from typing import Final

from tidegate.cluster.port import ClusterApi, Ref, Resource
from tidegate.ledger.verify import Head

NAME: Final = "tidegate-ledger-heads"
CONFIG_MAP: Final = Resource("v1", "ConfigMap", "configmaps")


class ClusterWitness:
    def __init__(self, api: ClusterApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def note(self, heads: Mapping[str, Head]) -> None:
        """Remember these heads, except where a later one of the chain is remembered already."""
        known = self.heads()
        later = {chain: head for chain, head in heads.items() if head[0] > known.get(chain, (0, ""))[0]}
        if not later:
            return
        data = {chain: f"{seq}:{digest}" for chain, (seq, digest) in sorted({**known, **later}.items())}
        metadata = {"name": NAME, "namespace": self._namespace}
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        self._api.apply(CONFIG_MAP, manifest, force=True)

    def heads(self) -> dict[str, Head]:
        """Sequence number and digest of the last entry noted, by chain."""
        stored = self._api.get(Ref(CONFIG_MAP, NAME, self._namespace)) or {}
        return {chain: _head(text) for chain, text in (stored.get("data") or {}).items()}


def _head(text: str) -> Head:
    """One that cannot be read matches no entry, so `verify` reports it."""
    number, _, digest = text.partition(":")
    return (int(number) if number.isdigit() else -1, digest)
