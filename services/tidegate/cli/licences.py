"""Writes what each licence template says in plain English: `python -m tidegate.cli.licences`.

For officers, below `docs/governance/licences/`, with a page of all refusals; a test fails while a page is stale.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from tidegate.model import Licence, read_resource, to_text
from tidegate.policy.codes import meanings
from tidegate.policy.coverage import loose_clauses, rows, stray_clauses
from tidegate.policy.rules import policies_folder

FOLDER: Final = Path(__file__).resolve().parents[3] / "docs" / "governance" / "licences"
WRITTEN: Final = "Written by `python -m tidegate.cli.licences`; do not edit."
ABOUT: Final = (
    "Every field of the terms is a row, whether the paper speaks of it or not. Clauses are those of the paper; the text"
    " is ours. A permission that is unknown denies."
)


def templates() -> Iterator[Licence]:
    for path in sorted((policies_folder() / "licences").glob("*.yaml")):
        resource = read_resource(yaml.safe_load(path.read_text(encoding="utf-8")), path.name)
        if isinstance(resource, Licence):
            yield resource


def pages() -> Mapping[str, str]:
    """Each file's name and text."""
    found = {licence.name: licence for licence in templates()}
    return {
        "README.md": _index(found.values()),
        "refusals.md": _refusals(),
        **{f"{name}.md": page(licence) for name, licence in found.items()},
    }


def page(licence: Licence) -> str:
    """The clause-coverage table of one licence."""
    terms = licence.spec
    loose = [f"| {clause} | {text} | {effect} |" for clause, text, effect in loose_clauses(terms)]
    stray = [f"Clauses are given for fields that there are not: {', '.join(stray_clauses(terms))}."]
    return _text(
        f"# {terms.title}",
        f"{WRITTEN} {ABOUT}",
        f"Licensor: {terms.licensor}. Name: `{terms.spdx}`. Template: `policies/licences/{licence.name}.yaml`.",
        _table(("Clause", "About", "It says", "Held by"), (map(_cell, row) for row in rows(licence))),
        "## Clauses no field holds, and what only a person can see",
        "\n".join(["| Clause | What has to be so | Effect |", "|---|---|---|", *loose]) if loose else "None.",
        *(stray if stray_clauses(terms) else ()),
    )


def _index(licences: Iterable[Licence]) -> str:
    lines = [f"- [{each.spec.title}]({each.name}.md), {_term(each)}" for each in licences]
    return _text(
        "# Licence templates, clause by clause",
        WRITTEN,
        "\n".join(lines),
        "Why something was refused, and who can lift it: [refusals](refusals.md).",
    )


def _term(licence: Licence) -> str:
    end = licence.spec.grant.valid_to
    return f"until {to_text(end)}" if end else "without end"


def _refusals() -> str:
    about = "The clause named is the one that the licence gives for the field; `ours` are rules of the environment."
    table = (
        (f"`{code.value}`", row.sentence, ", ".join(map(_coded, row.fields)) or "ours", row.lifted_by, row.next)
        for code, row in meanings().items()
    )
    head = ("Code", "Sentence", "Clause of", "Lifted by", "Next step")
    return _text("# Refusals of the policy", f"{WRITTEN} {about}", _table(head, table))


def _coded(path: str) -> str:
    return f"`{path}`"


def _table(head: Iterable[str], body: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, *body)]
    return "\n".join([lines[0], "|" + "---|" * len(columns), *lines[1:]])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split()) or " "


def _text(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(pages())} pages are current.\n")


if __name__ == "__main__":
    main()
