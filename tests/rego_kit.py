"""Runs tests written in Rego in process, for the tests of the rules and for their mutants."""

import contextlib
import re
from typing import Any

from tidegate.policy.local import build
from tidegate.policy.port import Bundle
from tidegate.policy.rules import load_rules, policies_folder

FOLDER = policies_folder()
SOURCES = sorted(p for p in (FOLDER / "tidegate").glob("*.rego") if not p.name.endswith("_test.rego"))
TEST_RULE = re.compile(r"^(test_[a-z0-9_]+)", re.MULTILINE)
PACKAGE = re.compile(r"^package ([a-z_.]+)$", re.MULTILINE)


def engine(modules: dict[str, str]) -> Any:
    data = {**load_rules(FOLDER).data, "version": "v", "revision": "r", "licences": {}}
    return build(Bundle(modules, data, "v", "r"))


def run(modules: dict[str, str]) -> dict[str, bool]:
    """Every test rule by name. One that is false or undefined is False; none at all is an error."""
    found = {}
    with contextlib.closing(engine(modules)) as opa:
        for source in modules.values():
            package = PACKAGE.search(source)
            assert package
            wanted = set(TEST_RULE.findall(source))
            values = opa.eval_document(package[1], {}) if wanted else {}
            found |= {f"{package[1]}.{name}": values.get(name) is True for name in wanted}
    if not found:
        msg = "no Rego test was found"
        raise LookupError(msg)
    return found
