"""The page of codes says what the code says, and goes stale loudly."""

import ast

from tidegate.cli.codes import PAGE, codes_of, page, tables


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tidegate.cli.codes`"


def test_a_code_is_found_where_it_is_raised_and_where_a_helper_raises_it() -> None:
    module = ast.parse(
        """
raise TidegateError("plain", "One sentence.")
raise TidegateError("filled", f"In {where}, {what!r}.", "Do this.")
raise TidegateError(code, "Whatever.")
raise _refused("helped", "Its own words.")
raise _missing("lacking", "node")
raise ValueError("no_code", "x")

def _refused(code, sentence):
    return TidegateError(code, sentence, "Ask.")

def _missing(name, what):
    return TidegateError(name, f"{what} was not found.")

def other(code):
    return ValueError(code)
"""
    )
    assert codes_of(module) == {
        "plain": "One sentence.",
        "filled": "In …, ….",
        "helped": "Its own words.",
        "lacking": "… was not found.",
    }


def test_every_table_has_codes() -> None:
    assert all(tables().values())


def test_a_code_that_many_meet_is_there_with_its_sentence() -> None:
    assert "| `port_taken` | Port …, for the …, is in use. |" in page()
    assert "| `XNAT_LOGIN_REFUSED` | XNAT at … refuses" in page().replace("{server}", "…")
