"""The envelope all resources share, the same shape as a Kubernetes custom resource."""

import hashlib
import json
from typing import Any, ClassVar, Final, Literal

from tidegate.model.names import Frozen, ResourceName

API_VERSION: Final = "tidegate.dev/v1alpha1"


class Metadata(Frozen):
    name: ResourceName


class Resource(Frozen):
    """Base of the six kinds. `digest` is what an Approval binds to."""

    undigested: ClassVar[frozenset[str]] = frozenset()

    api_version: Literal["tidegate.dev/v1alpha1"] = API_VERSION
    metadata: Metadata

    @property
    def name(self) -> str:
        return self.metadata.name

    def spec_json(self) -> dict[str, Any]:
        """The spec as plain JSON values, camelCase, defaults written out."""
        spec: dict[str, Any] = self.model_dump(mode="json", by_alias=True)["spec"]
        return spec

    def digest(self) -> str:
        """SHA-256 of the canonical spec, without the fields that may change after approval."""
        return digest_of({key: value for key, value in self.spec_json().items() if key not in self.undigested})


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The same value gives the same bytes: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """SHA-256 of `canonical_json`, in lower-case hexadecimal."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
