"""Which representations of an output may be drawn: the MIME table of the guard, for messages and for notebook files."""

from collections.abc import Callable, Mapping
from typing import Final

from workspace.session.images import BadImageError, clean_image
from workspace.session.sanitise import clean_html, clean_markdown, plain_tex
from workspace.session.text import clipped, count, fields, text_of

MAX_TEXT: Final = 200_000
MAX_RICH: Final = 1_000_000

NOT_SHOWN: Final = (
    "[Tidegate: this output is of a kind that is not shown here. Text, tables, PNG and JPEG are shown; "
    "save other results to a file and ask for a release.]"
)
BAD_IMAGE: Final = "[Tidegate: this picture is damaged or too large to show.]"

_TEXTS: Final[Mapping[str, Callable[[str], str]]] = {
    "text/plain": str,
    "text/latex": plain_tex,
    "text/markdown": clean_markdown,
    "text/html": clean_html,
}
_IMAGES: Final = ("image/png", "image/jpeg")


def clean_bundle(data: object) -> dict[str, str]:
    """The listed representations, each rebuilt; one notice where none is left."""
    offered = fields(data)
    kept = {kind: _clean_text(kind, offered[kind]) for kind in _TEXTS if kind in offered}
    notice = NOT_SHOWN
    for kind in _IMAGES:
        if kind in offered:
            try:
                kept[kind] = clean_image(kind, text_of(offered[kind]))
            except BadImageError:
                notice = BAD_IMAGE
    if notice is BAD_IMAGE:
        return {"text/plain": BAD_IMAGE}
    return kept or {"text/plain": NOT_SHOWN}


def _clean_text(kind: str, value: object) -> str:
    text = text_of(value)
    if kind == "text/plain":
        return clipped(text, MAX_TEXT)
    # Half a table is no table: what is too long for a rich form is shown as text alone.
    return _TEXTS[kind](text) if len(text) <= MAX_RICH else NOT_SHOWN


def clean_sizes(metadata: object) -> dict[str, dict[str, int]]:
    """Of the display metadata, only how large a picture is to be drawn."""
    given = fields(metadata)
    sizes = {kind: _size(given.get(kind)) for kind in _IMAGES}
    return {kind: size for kind, size in sizes.items() if size}


def _size(value: object) -> dict[str, int]:
    given = fields(value)
    wanted = {side: count(given.get(side)) for side in ("width", "height")}
    return {side: size for side, size in wanted.items() if size}
