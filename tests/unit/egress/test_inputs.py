"""Texts and names as people type them and workspaces send them: bounded, visible, plain."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egress_kit import TEXTS, code_of
from egress_review.domain.inputs import MAX_TEXT, missing_texts, read_name, read_text, read_texts
from egress_review.domain.refusals import REFUSALS, RefusalError

GOOD = ["table.csv", "results/table 1.csv", "t\u00e4ble.csv", "\u8868.csv", "a" * 255, "..a.csv", "\u05d0.csv"]
BAD = [
    "",
    "/etc/passwd",
    "../t.csv",
    "a/../b",
    "a//b",
    "./a",
    "a/",
    "a\\b",
    "a\x00b",
    "a\nb",
    "a\u202eb",
    "a\u200bb",
    "a\u2028b",
    " a",
    "a ",
    "a" * 256,
    "\u00e4" * 128,
    "ta\u0308ble.csv",
    "\ud800",
    "\ue000",
]


@pytest.mark.parametrize("name", GOOD)
def test_plain_name_is_accepted_as_it_is(name: str) -> None:
    assert read_name(name, []) == name


@pytest.mark.parametrize("name", BAD)
def test_name_that_hides_something_is_refused(name: str) -> None:
    assert code_of(lambda: read_name(name, [])) == "name_refused"


def test_names_that_differ_only_in_case_are_refused_and_the_same_one_replaces() -> None:
    assert code_of(lambda: read_name("Table.csv", ["table.csv"])) == "name_refused"
    assert read_name("table.csv", ["table.csv"]) == "table.csv"


@given(st.text(max_size=80))
def test_accepted_name_never_leads_out_of_a_folder(name: str) -> None:
    try:
        accepted = read_name(name, [])
    except RefusalError:
        return
    assert not accepted.startswith("/")
    assert not set(accepted.split("/")) & {"", ".", ".."}
    assert unicodedata.normalize("NFC", accepted) == accepted


@given(st.text(max_size=200))
def test_accepted_text_holds_no_control_characters(text: str) -> None:
    try:
        accepted = read_text(text)
    except RefusalError:
        return
    assert not {c for c in accepted if unicodedata.category(c) == "Cc"} - set("\n\r\t")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * (MAX_TEXT + 1), "text_too_long"),
        ("a\x07", "text_characters"),
        (5, "body_invalid"),
        (None, "body_invalid"),
    ],
)
def test_text_out_of_bounds_is_refused(text: object, code: str) -> None:
    assert code_of(lambda: read_text(text)) == code


def test_unknown_text_is_refused_and_an_empty_one_is_missing() -> None:
    assert code_of(lambda: read_texts({"author": "gwen"})) == "body_invalid"
    assert missing_texts(read_texts({**TEXTS, "audience": "  "})) == ("audience",)


def test_every_refusal_is_a_sentence() -> None:
    for refusal in REFUSALS.values():
        assert refusal.sentence[0].isupper(), refusal.code
        assert refusal.sentence.endswith("."), refusal.code
        assert refusal.rule, refusal.code
