"""Broken and random bytes always get an answer, and breaking an attack's wrapping never makes it clean."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import checks_kit as kit
from egress_review.checks.finding import masked

SEEDS = {
    "a.csv": kit.TABLE,
    "a.json": b'{"a": [1, "x"]}',
    "a.png": kit.png(extra=((b"tEXt", b"Title\0x"), (b"zTXt", b"k\0\0x\x9c"))),
    "a.jpg": kit.jpeg(extra=kit.segment(0xFE, b"hello")),
    "a.zip": kit.zipped(a__csv=kit.TABLE, b__json=b"{}"),
    "a.csv.gz": kit.gz(kit.TABLE),
    "a.ipynb": kit.notebook(text="x\n", picture=kit.png()),
}


@settings(max_examples=250, deadline=None)
@given(name=st.sampled_from(sorted(SEEDS)), data=st.data())
def test_flipped_and_cut_bytes_always_get_an_answer(name: str, data: st.DataObject) -> None:
    """A parser may refuse; it may not fail."""
    broken = bytearray(SEEDS[name])
    for at in data.draw(st.lists(st.integers(0, len(broken) - 1), max_size=6)):
        broken[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(broken)))
    assert isinstance(kit.look(name, bytes(broken[:end])), set)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(SEEDS)), data=st.binary(max_size=400))
def test_random_bytes_always_get_an_answer(name: str, data: bytes) -> None:
    assert isinstance(kit.look(name, data), set)


@settings(max_examples=40, deadline=None)
@given(before=st.binary(max_size=300), after=st.binary(max_size=300), name=st.sampled_from(sorted(SEEDS)))
def test_dicom_blocks_whatever_stands_around_it(before: bytes, after: bytes, name: str) -> None:
    assert "DICOM.EMBEDDED" in kit.look(name, before + kit.dicom_file("MR_small.dcm") + after)


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("ab", "**"), ("abc", "a*c"), ("x" * 99, "x" + "*" * 38 + "x")])
def test_an_excerpt_shows_the_ends_only(text: str, shown: str) -> None:
    assert masked(text) == shown
