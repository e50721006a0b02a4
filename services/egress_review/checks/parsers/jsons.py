"""JSON and notebooks: every key and every string value is a text, wherever it stands, twice-given keys included."""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, Final

from egress_review.checks.catalogue import found
from egress_review.checks.decode import other_readings, text_of
from egress_review.checks.parts import Member, NotThisType, Parsed, Text

NESTING: Final = 200
PICTURES: Final = {"image/png": "png", "image/jpeg": "jpeg"}
NOTEBOOK: Final = 4
# DICOM JSON writes each tag as a key of eight hexadecimal digits that leads to an object with a "vr".
TAG_LENGTH: Final = 8
ENOUGH_TAGS: Final = 3


class Pairs(list[tuple[str, Any]]):
    """An object of JSON with all its pairs: a later key does not hide an earlier one."""


def parse_json(data: bytes, location: str) -> Parsed:
    """A JSON object or array; a notebook where it is one.

    Raises:
        NotThisType: it is not strict JSON, or only a number or a string.
    """
    tree = _tree(text_of(data))
    parsed = Parsed("ipynb" if _is_notebook(tree) else "json")
    parsed.texts += [Text(location, text) for text in other_readings(data)]
    _walk(tree, location, parsed, 0)
    # Values one after the other, as a column of a table: pieces of one thing may stand under many keys.
    parsed.columns.append(Text(f"{location} > all values", "\n".join(_strings(tree, 0))))
    return parsed


def _tree(text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        tree = json.loads(text, object_pairs_hook=Pairs, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotThisType from error
    if not isinstance(tree, list):
        raise NotThisType
    return tree


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _is_notebook(tree: object) -> bool:
    top = dict(tree) if isinstance(tree, Pairs) else {}
    return top.get("nbformat") == NOTEBOOK and isinstance(top.get("cells"), list)


def _walk(node: object, location: str, parsed: Parsed, depth: int) -> None:
    if depth > NESTING:
        parsed.findings.append(found("REST.UNPARSED", location))
    elif isinstance(node, Pairs):
        _walk_object(node, location, parsed, depth)
    elif isinstance(node, list):
        _walk_array(node, location, parsed, depth)
    elif node is not None and not isinstance(node, bool):
        parsed.texts.append(Text(location, str(node), whole=True))


def _walk_object(pairs: Pairs, location: str, parsed: Parsed, depth: int) -> None:
    if sum(_is_dicom_pair(key, value) for key, value in pairs) >= ENOUGH_TAGS:
        parsed.findings.append(found("DICOM.EMBEDDED", location))
    for key, value in pairs:
        here = f"{location}/{key[:80]}"
        parsed.texts.append(Text(f"{location} > a key", key, whole=True))
        picture = _picture(key, value)
        if picture is None:
            _walk(value, here, parsed, depth + 1)
        else:
            parsed.members.append(Member(here, f"output.{PICTURES[key]}", picture))


def _strings(node: object, depth: int) -> Iterator[str]:
    if depth > NESTING:
        return
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from _strings(item[1] if isinstance(node, Pairs) else item, depth + 1)


def _walk_array(items: list[Any], location: str, parsed: Parsed, depth: int) -> None:
    """Lines of one text are kept apart in notebooks: they are joined, lest something hides across them."""
    if len(items) > 1 and all(isinstance(item, str) for item in items):
        parsed.texts.append(Text(location, "".join(items)))
    for number, item in enumerate(items):
        _walk(item, f"{location}/{number}", parsed, depth + 1)


def _picture(key: str, value: object) -> bytes | None:
    if key not in PICTURES:
        return None
    text = "".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_dicom_pair(key: str, value: object) -> bool:
    hexadecimal = len(key) == TAG_LENGTH and all(c in "0123456789abcdefABCDEF" for c in key)
    return hexadecimal and isinstance(value, Pairs) and "vr" in dict(value)
