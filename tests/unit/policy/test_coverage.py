"""What an officer reads before signing: every field and every clause of a licence, and pages that cannot go stale."""

from typing import Any

import pytest

import policy_kit as kit
from tidegate.cli.licences import FOLDER, page, pages, templates
from tidegate.model import Licence, LicenceTerms, read_resource
from tidegate.policy.codes import Code
from tidegate.policy.coverage import ELSEWHERE, ROWS, held, loose_clauses, rows, stray_clauses

TEMPLATES = {licence.name: licence for licence in templates()}


def read(**spec: Any) -> Licence:
    licence = read_resource(kit.licence(**spec), "test")
    assert isinstance(licence, Licence)
    return licence


def leaves() -> set[str]:
    every = kit.fields_of_terms(LicenceTerms)
    return {path for path in every if not any(other.startswith(f"{path}.") for other in every)}


def test_the_pages_are_current() -> None:
    """`python -m tidegate.cli.licences` writes them anew; a page of a template that is gone is stale too."""
    assert {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.md")} == dict(pages())


def test_every_field_of_the_terms_is_on_the_page() -> None:
    assert set(ROWS) | ELSEWHERE == leaves()
    assert not set(ROWS) & ELSEWHERE


@pytest.mark.parametrize("path", ROWS)
def test_every_field_is_held_by_something(path: str) -> None:
    assert held(path).endswith(".")


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_clause_of_a_template_is_on_its_page(name: str) -> None:
    licence = TEMPLATES[name]
    shown = {row.clause for row in rows(licence)} | {clause for clause, _, _ in loose_clauses(licence.spec)}
    assert set(licence.spec.source.clauses.values()) <= shown
    assert {clause.clause for clause in licence.spec.unmodelled} <= shown
    assert stray_clauses(licence.spec) == ()


def test_a_clause_for_a_field_there_is_not_is_shown() -> None:
    misspelt = read(source={"clauses": {"grant.validTill": "4.2", "grant.validTo": "4.3", "unmodelled": "9"}})
    assert stray_clauses(misspelt.spec) == ("grant.validTill",)
    assert "grant.validTill" in page(misspelt)


def test_what_nobody_typed_in_is_told_as_unknown() -> None:
    said = {row.subject: row.says for row in rows(read(parties={}, sharing={}, data={}))}
    unknown = [subject for subject, words in said.items() if words.startswith("**Unknown")]
    assert len(unknown) >= 7
    assert "Commercial use" in unknown


def test_the_table_says_what_the_terms_say() -> None:
    made = read(
        purpose={"permitted": ["DUO:0000007"], "diseases": ["MONDO:0007254"]},
        territory={"processing": ["GB", "IE"]},
        unmodelled=[{"clause": "9", "text": "Something else.", "effect": "deny"}],
    )
    said = {row.subject: row.says for row in rows(made)}
    assert said["Permitted purposes"] == "research on a named disease (DUO:0000007)."
    assert said["Diseases"] == "breast cancer (MONDO:0007254)."
    assert said["Countries where it may be processed"] == "GB, IE."
    assert said["Ends"] == kit.at(days=100)
    assert ("9", "Something else.", "Denies.") in loose_clauses(made.spec)


def test_a_bar_or_a_line_in_a_clause_does_not_break_the_table() -> None:
    made = read(outputs={"attribution": "One | two\nthree"})
    assert "| One / two three |" in page(made)


def test_every_refusal_is_listed_with_who_can_lift_it() -> None:
    assert all(f"| `{code.value}` |" in pages()["refusals.md"] for code in Code)
