"""Each rule taken out, each condition turned round: some test written in Rego must fail.

The rules stay in files; a mutant is a copy in memory. What may survive is listed, with the reason.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rego_kit import FOLDER, SOURCES, run
from tidegate.policy.rules import load_rules

TURNED = {"==": "!=", " > ": " >= ", " >= ": " > ", " <= ": " < ", " - ": " & ", "not ": "", "true": "false"}
# A fact without its default is undefined instead of false, and counts as false wherever the safe subset lets it stand.
TWICE_SAFE = re.compile(r"^default [a-z_]+_ok := false$")
EQUAL = {
    # No end, no pair: what is asked for with `>` cannot be there for `>=` either.
    ("approvals.rego", "ends", " > "),
    ("clock.rego", "earliest", " > "),
    ("people.rego", "ends", " > "),
    # Without any purpose or disease, and without any data set, there is nothing to go through.
    ("purposes.rego", "purpose_fits", " > "),
    ("purposes.rego", "disease_fits", " > "),
    ("purposes.rego", "untouched", " > "),
    ("sharing.rego", "sharing_ok", " > "),
}


@dataclass(frozen=True)
class Mutant:
    file: str
    rule: str
    change: str
    source: str

    def survives(self, modules: dict[str, str]) -> bool:
        try:
            return all(run({**modules, self.file: self.source}).values())
        except Exception:  # noqa: BLE001 - it does not compile, or two answers contradict: noticed either way
            return False


def mutants() -> Iterator[Mutant]:
    for path in SOURCES:
        blocks = path.read_text("utf-8").split("\n\n")
        for place, block in enumerate(blocks):
            rule = "\n".join(line for line in block.splitlines() if not line.startswith("#"))
            if rule.startswith(("package ", "import ")) or not rule.strip():
                continue
            for change, text in changes(rule):
                source = "\n\n".join([*blocks[:place], text, *blocks[place + 1 :]])
                yield Mutant(path.name, rule.splitlines()[0], change, source)


def changes(rule: str) -> Iterator[tuple[str, str]]:
    """What is done, and what is left of the rule."""
    yield "taken out", ""
    for was, becomes in TURNED.items():
        for found in re.finditer(re.escape(was), rule):
            yield was, rule[: found.start()] + becomes + rule[found.end() :]


def is_equal(mutant: Mutant) -> bool:
    name = re.split(r"[^a-z_]", mutant.rule)[0]
    taken_out = mutant.change == "taken out" and TWICE_SAFE.match(mutant.rule)
    return bool(taken_out) or (mutant.file, name, mutant.change) in EQUAL


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_change_of_a_rule_is_noticed() -> None:
    modules = load_rules(FOLDER, tests=True).modules
    tried = list(mutants())
    survivors = [m for m in tried if not is_equal(m) and m.survives(modules)]
    assert len(tried) > 250
    assert [(m.file, m.rule, m.change) for m in survivors] == []
