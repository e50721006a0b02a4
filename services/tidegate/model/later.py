"""Fields a record got after it was first written down. Used by the parts of a licence and by a project's purpose.

Written only where they are not the default: the digest of what was registered before stays what it was, and whoever
reads without knowing them meets nothing unknown.
"""

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from pydantic.alias_generators import to_camel

from tidegate.model.names import Frozen


def unsaid(schema: dict[str, Any]) -> None:
    """An API server would write the default into what is there."""
    schema.pop("default", None)


def later(default: Any) -> Any:  # noqa: ANN401 - what pydantic's own `Field` takes and gives
    """The value of a field that came later; `default` is what its absence means."""
    return Field(default, json_schema_extra=unsaid)


class Growing(Frozen):
    """Base of a record with fields that came later."""

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        known: dict[str, Any] = written(self)
        fields = type(self).model_fields.items()
        left = {name for name, f in fields if f.json_schema_extra is unsaid and getattr(self, name) == f.default}
        return {key: value for key, value in known.items() if key not in left | {to_camel(name) for name in left}}
