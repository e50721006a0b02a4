"""The Rego runs its own tests here, in process. The safe subset is held by `test_rego_lint`."""

import json
import re

import pytest

from rego_kit import FOLDER, PACKAGE, SOURCES, TEST_RULE, engine, run
from tidegate.policy.codes import WRAPPER_CODES, Code, meanings
from tidegate.policy.port import ENTRY
from tidegate.policy.rules import load_rules


def test_every_rego_test_holds() -> None:
    results = run(load_rules(FOLDER, tests=True).modules)
    assert len(results) > 80
    assert [name for name, held in results.items() if not held] == []


def test_a_failing_rego_test_is_seen() -> None:
    """False, undefined, and none at all: the runner misses none of them."""
    modules = {"a_test.rego": "package a_test\n\ntest_false := false\n\ntest_undefined if input.nothing\n"}
    assert run(modules) == {"a_test.test_false": False, "a_test.test_undefined": False}
    with pytest.raises(LookupError):
        run({"a.rego": "package a\n\nx := 1\n"})


def test_each_rule_file_has_its_tests_beside_it() -> None:
    missing = [path.name for path in SOURCES if not path.with_name(f"{path.stem}_test.rego").exists()]
    assert missing == []


def test_every_line_of_the_rules_is_reached() -> None:
    """Coverage of the Rego tests over the rules, as Open Policy Agent counts it."""
    modules = load_rules(FOLDER, tests=True).modules
    opa = engine(modules)
    missed: dict[str, set[int]] = {path.name: set() for path in SOURCES}
    reached: dict[str, set[int]] = {path.name: set() for path in SOURCES}
    for source in modules.values():
        package = PACKAGE.search(source)
        if package and TEST_RULE.search(source):
            opa.eval_document(package[1], {}, coverage=True)
            for name, report in opa.last_coverage["files"].items():
                if name in missed:
                    reached[name] |= lines(report.get("covered", []))
                    missed[name] |= lines(report.get("not_covered", []))
    assert {name: sorted(missed[name] - reached[name]) for name in missed if missed[name] - reached[name]} == {}
    assert all(reached.values())


def lines(ranges: list[dict[str, dict[str, int]]]) -> set[int]:
    return {row for r in ranges for row in range(r["start"]["row"], r["end"]["row"] + 1)}


def test_codes_of_the_rules_and_the_list_are_the_same() -> None:
    """Each code a rule can give is listed, each listed one is given by a rule or the wrapper."""
    words = {word for path in SOURCES for word in re.findall(r'"([a-z]+(?:_[a-z]+)+)"', path.read_text("utf-8"))}
    outcomes = {"needs_human"}
    assert words - outcomes == {code.value for code in Code} - {c.value for c in WRAPPER_CODES - {Code.UNDECIDED}} - {
        "undecided"
    }


def test_every_code_has_a_sentence_a_person_and_a_next_step() -> None:
    rows = json.loads((FOLDER / "data" / "codes.json").read_text("utf-8"))
    assert set(rows) == {code.value for code in Code}
    for row in meanings().values():
        assert row.sentence.endswith(".")
        assert row.next.endswith(".")
        assert row.lifted_by


def test_each_point_has_one_entry_rule() -> None:
    entries = [p for p in SOURCES if "# entrypoint: true" in p.read_text("utf-8")]
    assert {f"tidegate.{path.stem}.decision" for path in entries} == set(ENTRY.values())
