"""From a Pydantic model to the structural schema a CustomResourceDefinition needs. Pure; used by `definitions`.

Kubernetes takes no `$ref`, `anyOf` or `const`: models are written out in place; what may be None becomes `nullable`.
Whatever else does not fit is an error when the definitions are generated, never a rule that is quietly gone.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from tidegate.cluster.rules import RULES

Schema = dict[str, Any]

KEPT: Final = frozenset(
    {"type", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "enum"}
)
DROPPED: Final = frozenset({"title"})
# The API server must be able to bound what a rule costs. Far above what anybody writes.
MOST_ITEMS: Final = 128
NULL: Final = {"type": "null"}
KEYED: Final = "patternProperties"
# Keywords whose value is a schema, and what they are called here.
INNER: Final = {"items": "items", "additionalProperties": "additionalProperties", KEYED: "additionalProperties"}
# What goes without saying: an absent field is None, and unknown fields are refused by the API server's strict reading.
UNSAID: Final = (("default", None), ("additionalProperties", False))
REWORDED: Final[Mapping[str, Callable[[Any], Schema]]] = {
    "description": lambda text: {"description": " ".join(text.split())},
    "default": lambda value: {"default": value},
    "const": lambda value: {"enum": [value]},
    "exclusiveMinimum": lambda bound: {"minimum": bound, "exclusiveMinimum": True},
    "required": lambda names: {"required": sorted(names)},
}


class UnfitError(ValueError):
    """A model says something a structural schema cannot."""


def structural(model: type[BaseModel]) -> Schema:
    """The schema of a model as the API takes it, defaults and descriptions included."""
    schema = model.model_json_schema(by_alias=True)
    return _node(schema, schema.get("$defs", {}), model.__name__)


def _node(schema: Mapping[str, Any], models: Mapping[str, Schema], where: str) -> Schema:
    """One node, its references written out. Every keyword is known, or this fails."""
    nullable = False
    words = dict(schema)
    words.pop("$defs", None)
    if "anyOf" in words:
        words, nullable = _optional(words, where), True
    if "$ref" in words:
        words = {**models[words.pop("$ref").rpartition("/")[2]], **words}
    done: Schema = {}
    rules = list(RULES.get(words.get("title", ""), ()))
    for word, value in words.items():
        done.update(_word(word, value, models, f"{where}.{word}"))
    if pattern := _key_pattern(words):
        rules.append({"rule": f"self.all(key, key.matches(r'{pattern}'))", "message": f"every key matches {pattern}"})
    if rules:
        done["x-kubernetes-validations"] = rules
    return {**done, **({"nullable": True} if nullable else {}), **_bounds(done)}


def _optional(words: Schema, where: str) -> Schema:
    """`X | None` as X; any other choice has no structural form."""
    choices = [choice for choice in words.pop("anyOf") if choice != NULL]
    if len(choices) != 1 or "null" in choices[0].get("type", ""):
        raise UnfitError(f"{where}: a choice between types has no structural form")
    return {**choices[0], **words}


def _word(word: str, value: Any, models: Mapping[str, Schema], where: str) -> Schema:  # noqa: ANN401 - any JSON value
    """What one keyword of JSON Schema becomes."""
    if word in KEPT:
        return {word: value}
    if word in DROPPED or (word, value) in UNSAID:
        return {}
    if word in REWORDED:
        return REWORDED[word](value)
    if word == "properties":
        return {"properties": {name: _node(inner, models, f"{where}.{name}") for name, inner in value.items()}}
    if word in INNER:
        return {INNER[word]: _node(_only(value) if word == KEYED else value, models, where)}
    raise UnfitError(f"{where} has no structural form")


def _only(by_pattern: Mapping[str, Schema]) -> Schema:
    """The schema of a map's values; the pattern of its keys becomes a rule."""
    (schema,) = by_pattern.values()
    return schema


def _key_pattern(words: Mapping[str, Any]) -> str:
    return next(iter(words.get(KEYED, {})), "")


def _bounds(done: Schema) -> Schema:
    """A bound for every list and map that has none of its own."""
    if done.get("type") == "array" and "maxItems" not in done:
        return {"maxItems": MOST_ITEMS}
    if "additionalProperties" in done:
        return {"maxProperties": MOST_ITEMS}
    return {}
