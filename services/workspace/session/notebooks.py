"""What a notebook file may hold, on its way to the browser and back. Pure; called by the contents manager.

A notebook is rebuilt like a message: known keys only, each bounded, outputs and attachments by the guard's rules. Free
metadata is where 20 KB of base64 once travelled unseen.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from nbformat import ValidationError
from nbformat.validator import get_validator

from workspace.session import guard
from workspace.session.display import clean_bundle
from workspace.session.refusals import PathRefusedError, Reason
from workspace.session.text import count, fields, identifier, items, text_of

MAX_CELLS: Final = 5_000
MAX_OUTPUTS: Final = 500
MAX_SOURCE: Final = 1_000_000
MAX_TAGS: Final = 20
MAX_WORD: Final = 100
CELL_IDS_SINCE: Final = 5
MAX_MINOR: Final = 5
FORMAT: Final = 4

_CELL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_SLIDES: Final = frozenset({"slide", "subslide", "fragment", "skip", "notes", "-"})

Cleaned = dict[str, Any]


def read_notebook(data: bytes) -> Cleaned:
    """The notebook as the browser may have it; refuses with a constant reason what is not valid nbformat 4."""
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
        if not isinstance(notebook, dict) or notebook.get("nbformat") != FORMAT:
            raise PathRefusedError(Reason.NOT_A_NOTEBOOK)
        _give_ids(notebook)
        get_validator(FORMAT, notebook["nbformat_minor"], relax_add_props=True).validate(notebook)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError, ValidationError):
        raise PathRefusedError(Reason.NOT_A_NOTEBOOK) from None
    return clean_notebook(notebook)


def _give_ids(notebook: dict[str, Any]) -> None:
    """Cells have names of their own since format 4.5; who left them out or used one twice gets new ones."""
    taken: set[object] = set()
    named = notebook["nbformat_minor"] >= CELL_IDS_SINCE
    for number, cell in enumerate(notebook["cells"]):
        name = cell.pop("id", None)
        if not named:
            continue
        if not isinstance(name, str) or not _CELL_ID.match(name) or name in taken:
            name = f"cell-{number}-{len(taken)}"
        cell["id"] = name
        taken.add(name)


def write_notebook(content: object) -> bytes:
    """The bytes to store for what the browser sent; the same rules, so that nothing else is ever stored."""
    try:
        sent = json.dumps(content).encode()
    except (ValueError, RecursionError, TypeError):
        raise PathRefusedError(Reason.NOT_A_NOTEBOOK) from None
    return (json.dumps(read_notebook(sent), indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def clean_notebook(notebook: Mapping[str, object]) -> Cleaned:
    cells = items(notebook.get("cells"))
    if len(cells) > MAX_CELLS:
        raise PathRefusedError(Reason.TOO_LARGE)
    minor = count(notebook.get("nbformat_minor")) or 0
    return {
        "nbformat": FORMAT,
        "nbformat_minor": min(minor, MAX_MINOR),
        "metadata": _notebook_metadata(fields(notebook.get("metadata"))),
        "cells": [_cell(fields(cell)) for cell in cells],
    }


def _notebook_metadata(metadata: Mapping[str, object]) -> Cleaned:
    kernel, language = fields(metadata.get("kernelspec")), fields(metadata.get("language_info"))
    cleaned: Cleaned = {}
    if kernel:
        names = {name: _word(kernel.get(name)) for name in ("name", "display_name", "language")}
        cleaned["kernelspec"] = {"name": "", "display_name": "", **names}
    if language:
        # What a notebook says of the language is a constant here, as in the kernel's own answer.
        cleaned["language_info"] = dict(guard.KERNEL_INFO["language_info"])
    return cleaned


def _cell(cell: Mapping[str, object]) -> Cleaned:
    source = text_of(cell.get("source"))
    if len(source) > MAX_SOURCE:
        raise PathRefusedError(Reason.TOO_LARGE)
    kind = str(cell.get("cell_type"))
    cleaned: Cleaned = {"cell_type": kind, "source": source, "metadata": _cell_metadata(fields(cell.get("metadata")))}
    if "id" in cell:
        cleaned["id"] = identifier(cell["id"])
    if kind == "code":
        cleaned["execution_count"] = count(cell.get("execution_count"))
        cleaned["outputs"] = [clean_output(fields(output)) for output in items(cell.get("outputs"))[:MAX_OUTPUTS]]
    elif "attachments" in cell:
        cleaned["attachments"] = _attachments(fields(cell["attachments"]))
    return cleaned


def clean_output(output: Mapping[str, object]) -> Cleaned:
    kind = output.get("output_type")
    rule = _OUTPUTS.get(kind) if isinstance(kind, str) else None
    if rule is None:
        return {"output_type": "display_data", "data": clean_bundle({}), "metadata": {}}
    return {"output_type": kind, **rule(output)}


def _stream(output: Mapping[str, object]) -> Cleaned:
    return guard.stream({**output, "text": text_of(output.get("text"))})


def _display(output: Mapping[str, object]) -> Cleaned:
    cleaned = guard.display(output)
    del cleaned["transient"]
    return cleaned


def _result(output: Mapping[str, object]) -> Cleaned:
    return {**_display(output), "execution_count": count(output.get("execution_count"))}


_OUTPUTS: Final[Mapping[str, Callable[[Mapping[str, object]], Cleaned]]] = {
    "stream": _stream,
    "display_data": _display,
    "execute_result": _result,
    "error": guard.error,
}


def _attachments(attachments: Mapping[str, object]) -> Cleaned:
    named = {name: bundle for name, bundle in list(attachments.items())[:MAX_OUTPUTS] if identifier(name)}
    return {name: clean_bundle(bundle) for name, bundle in named.items()}


def _cell_metadata(metadata: Mapping[str, object]) -> Cleaned:
    switches = {
        key: metadata[key] for key in ("collapsed", "editable", "deletable") if isinstance(metadata.get(key), bool)
    }
    cleaned: Cleaned = dict(switches)
    if metadata.get("scrolled") in (True, False, "auto"):
        cleaned["scrolled"] = metadata["scrolled"]
    tags = [word for word in map(_word, items(metadata.get("tags"))[:MAX_TAGS]) if word and "," not in word]
    if tags:
        cleaned["tags"] = sorted(set(tags))
    jupyter = fields(metadata.get("jupyter"))
    hidden = {key: jupyter[key] for key in ("source_hidden", "outputs_hidden") if isinstance(jupyter.get(key), bool)}
    if hidden:
        cleaned["jupyter"] = hidden
    slide = fields(metadata.get("slideshow")).get("slide_type")
    if isinstance(slide, str) and slide in _SLIDES:
        cleaned["slideshow"] = {"slide_type": slide}
    return cleaned


def _word(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_WORD and value.isprintable() else ""
