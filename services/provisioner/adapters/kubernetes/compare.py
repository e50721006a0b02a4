"""Whether a live object is as it was rendered. Pure; asked before every write: an unchanged apply is a request too.

What guards the project is compared exactly: one line more in a policy can only open. Of the rest only what we rendered
counts, as the API server and other controllers write fields of their own there.
"""

from typing import Any, Final

from provisioner.adapters.kubernetes.render.quantities import in_bytes
from tidegate.cluster.port import Manifest

# Written into every namespace by the API server itself.
NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
# The parts of a guard that are compared exactly. `metadata.labels` only of the Namespace: Pod Security reads them.
EXACT: Final[dict[str, tuple[str, ...]]] = {
    "ConfigMap": ("data", "binaryData"),
    "NetworkPolicy": ("spec",),
    "ResourceQuota": ("spec",),
    "Role": ("rules",),
    "RoleBinding": ("roleRef", "subjects"),
}


def same(live: Manifest, wanted: Manifest) -> bool:
    """Whether nothing has to be written."""
    if wanted["kind"] == "Namespace" and live["metadata"].get("labels") != _namespace_labels(wanted):
        return False
    exact = all(live.get(part) == wanted.get(part) for part in EXACT.get(wanted["kind"], ()))
    return exact and _covers(live, wanted)


def mended(live: Manifest, wanted: Manifest) -> Manifest:
    """The live object with exactly the guarded parts that were rendered, for a whole replacement."""
    result = {**live, "metadata": {**live["metadata"]}}
    if wanted["kind"] == "Namespace":
        result["metadata"]["labels"] = _namespace_labels(wanted)
    for part in EXACT.get(wanted["kind"], ()):
        result.pop(part, None)
        if part in wanted:
            result[part] = wanted[part]
    return result


def must_be_made_anew(live: Manifest, wanted: Manifest) -> bool:
    """The role of a binding cannot be changed; such a binding is deleted and made again."""
    return bool(wanted["kind"] == "RoleBinding" and live.get("roleRef") != wanted["roleRef"])


def _namespace_labels(wanted: Manifest) -> dict[str, str]:
    return {**wanted["metadata"]["labels"], NAMESPACE_NAME: wanted["metadata"]["name"]}


def _covers(live: Any, wanted: Any, path: tuple[str, ...] = ()) -> bool:  # noqa: ANN401 - any JSON value
    """Whether everything wanted stands. A claim may have grown: volumes never shrink."""
    if path == ("spec", "resources", "requests", "storage"):
        return isinstance(live, str) and in_bytes(live) >= in_bytes(wanted)
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            _covers(live.get(key), inner, (*path, key)) for key, inner in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(_covers, live, wanted))
    return bool(live == wanted)
