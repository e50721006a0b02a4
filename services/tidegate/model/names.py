"""Names that are also namespaces, servers, folders and host names, so they are narrow."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

RESOURCE_NAME = r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"
SHA256 = r"^[0-9a-f]{64}$"

ProjectId = Annotated[str, StringConstraints(min_length=2, max_length=29, pattern=r"^[a-z][a-z0-9-]*[a-z0-9]$")]
ProfileName = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$")]
ResourceName = Annotated[str, StringConstraints(pattern=RESOURCE_NAME)]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Frozen(BaseModel):
    """Base of every record: frozen, no unknown fields, camelCase outside and snake_case inside."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


class PersonRef(Frozen):
    """One human, as the identity provider knows them. `issuer` is ``local`` for accounts of this machine."""

    issuer: Line = "local"
    subject: ResourceName
