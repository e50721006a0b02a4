"""What is read from and written to a notebook file: known keys, guarded outputs, or a constant refusal."""

import json
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workspace.session.notebooks import read_notebook, write_notebook
from workspace.session.refusals import PathRefusedError, Reason

HIDDEN = "A" * 20_000


def stored(notebook: Any) -> bytes:
    return json.dumps(notebook).encode()


def a_notebook(*outputs: Any, **metadata: Any) -> dict[str, Any]:
    cell = new_code_cell("1 + 1", outputs=list(outputs), execution_count=1)
    return json.loads(json.dumps(new_notebook(cells=[cell, new_markdown_cell("# A")], metadata=metadata)))


def test_a_plain_notebook_comes_through_and_stays_valid() -> None:
    read = read_notebook(stored(a_notebook(new_output("stream", name="stdout", text="2\n"))))
    nbformat.validate(read)
    assert [cell["source"] for cell in read["cells"]] == ["1 + 1", "# A"]
    assert read["cells"][0]["outputs"] == [{"output_type": "stream", "name": "stdout", "text": "2\n"}]


def test_what_is_written_is_what_is_read_again() -> None:
    written = write_notebook(a_notebook(new_output("stream", name="stdout", text="2\n")))
    assert write_notebook(read_notebook(written)) == written


@pytest.mark.parametrize("place", ["notebook", "cell", "output", "kernelspec", "language_info"])
def test_bytes_hidden_in_metadata_are_gone(place: str) -> None:
    notebook = a_notebook(
        new_output("display_data", data={"text/plain": "x"}), kernelspec={"name": "python3", "display_name": "P"}
    )
    notebook["metadata"]["language_info"] = {"name": "python"}
    holders = {
        "notebook": notebook["metadata"],
        "cell": notebook["cells"][0]["metadata"],
        "output": notebook["cells"][0]["outputs"][0]["metadata"],
        "kernelspec": notebook["metadata"]["kernelspec"],
        "language_info": notebook["metadata"]["language_info"],
    }
    holders[place]["hidden"] = HIDDEN
    assert HIDDEN in stored(notebook).decode()
    assert HIDDEN not in json.dumps(read_notebook(stored(notebook)))


@pytest.mark.parametrize("kind", ["application/javascript", "application/vnd.x+json", "image/svg+xml"])
def test_outputs_and_attachments_pass_the_guard(kind: str) -> None:
    notebook = a_notebook(new_output("display_data", data={kind: HIDDEN}))
    notebook["cells"][1]["attachments"] = {"a.png": {kind: HIDDEN}}
    assert HIDDEN not in json.dumps(read_notebook(stored(notebook)))


def test_useful_cell_metadata_stays() -> None:
    notebook = a_notebook()
    kept = {"collapsed": True, "tags": ["a"], "jupyter": {"source_hidden": True}, "slideshow": {"slide_type": "slide"}}
    notebook["cells"][0]["metadata"] = {**kept, "scrolled": "auto"}
    assert read_notebook(stored(notebook))["cells"][0]["metadata"] == {**kept, "scrolled": "auto"}


@pytest.mark.parametrize(
    "data",
    [
        b"patient,age\n0042,71\n",
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b"{}",
        b'{"nbformat": 3, "worksheets": []}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "virus"}]}',
        b"[" * 100_000,
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": "patient"}',
    ],
)
def test_what_is_no_notebook_is_refused_without_a_word_of_it(data: bytes) -> None:
    with pytest.raises(PathRefusedError) as refused:
        read_notebook(data)
    assert refused.value.reason is Reason.NOT_A_NOTEBOOK
    assert "patient" not in str(refused.value) + refused.value.sentence
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("content", [None, "text", {"a": 1}, float("nan"), {1, 2}])
def test_only_a_notebook_is_written_as_one(content: object) -> None:
    with pytest.raises(PathRefusedError):
        write_notebook(content)


def test_too_many_cells_and_too_long_a_source_are_refused() -> None:
    notebook = a_notebook()
    notebook["cells"][0]["source"] = "x" * 1_000_001
    with pytest.raises(PathRefusedError) as refused:
        read_notebook(stored(notebook))
    assert refused.value.reason is Reason.TOO_LARGE
