"""The rules keep to the safe subset of Rego, and each way to fail open is seen when it is planted."""

from pathlib import Path

import pytest

from rego_kit import SOURCES
from rego_lint import RULES, unsafe

GOOD = """package tidegate.a

import data.tidegate.clock

default open_ok := false

open_ok if clock.ahead(input.project.ends)

default shut_ok := false

shut_ok if {
	is_array(input.datasets)
	count(input.datasets) > 0
	not open_ok
}
"""

# What breaks a rule, by the rule's name.
PLANTED: dict[str, tuple[str, ...]] = {
    "negates more than a fact": (
        "x if not input.project.ends",
        "x if not clock.come(input.now)",
        'x if not input.org in {"a"}',
        "x if not loose",
        "x if not open_ok in {true}",
        "x if {\n\tnot input.project.ends == 1\n}",
    ),
    "calls what is not listed": (
        "x if http.send({})",
        "x if time.now_ns() == 1",
        'x if net.lookup_ip_addr("a")',
        'x if rand.intn("a", 2)',
        "x if opa.runtime()",
        'x if io.jwt.decode("a")',
        'x if regex.match("a", input.project.name)',
        'x if startswith(input.project.name, "a")',
        "x if elsewhere.fine(1)",
    ),
    "compares input raw": ("x if input.until > input.now", "x if 1 < input.project.tier", "x if input.a >= 2"),
    "counts input of any type": (
        "x if count(input.datasets) == 1",
        "x if {\n\tis_array(input.a)\n\tcount(input.b) == 1\n}",
    ),
    "holds for every of nothing": ("x if {\n\tevery d in input.datasets {\n\t\td.registered == true\n\t}\n}",),
    "takes a key for a path": (
        "x if object.get(terms, name, 1) == 1",
        'x if object.get(input.project, "tier", 1) == 1',
    ),
    "is true unless proved": ("default x := true", "default fine_ok := true"),
    "is a fact without default": ("lonely_ok if input.a == 1", "lonely_ok := true"),
    "replaces input or data": ('x if open_ok with input as {"a": 1}',),
    "reads data that is not there": ("x if data.users.a == 1", "x if data.system.authz == 1"),
    "reads the whole question": ("x if input == 1", 'x if input["a"] == 1', "x if some y in input"),
    "imports from elsewhere": ("import input.project", "import data.licences"),
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_rules_keep_to_the_safe_subset(path: Path) -> None:
    assert list(unsafe(path.read_text("utf-8"))) == []


def test_what_is_safe_passes() -> None:
    """So that the refusals below are due to what is planted."""
    assert list(unsafe(GOOD)) == []


@pytest.mark.parametrize(("rule", "planted"), [(rule, text) for rule, rows in PLANTED.items() for text in rows])
def test_what_could_fail_open_is_seen(rule: str, planted: str) -> None:
    assert rule in {name for name, _ in unsafe(f"{GOOD}\n{planted}\n")}


def test_a_comment_and_a_text_are_no_rules() -> None:
    assert list(unsafe(GOOD + '\n# not input.a > 1, http.send(1)\nx := "not input.a with http.send(1)"\n')) == []


def test_every_rule_of_the_lint_is_tried() -> None:
    assert set(PLANTED) == {rule.__name__.strip("_").replace("_", " ") for rule in RULES}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_each_file_says_what_it_is_for(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert lines[0] == "# METADATA"
    assert lines[1].startswith("# title: ")
    assert lines[2].startswith("# description: ")
