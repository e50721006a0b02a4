"""The table of bad input names tests that exist and codes that are known."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs" / "developer"
ROW = re.compile(
    r"\| (?P<what>[^|]+) \| `(?P<code>\w+)` \|(?: (?P<said>[^|]+) \|)? `(?P<file>[\w/.]+)::(?P<test>\w+)` \|"
)
PAGE = (DOCS / "bad-input.md").read_text(encoding="utf-8")
LINES = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what is wrong")]
CODES = (DOCS / "codes.md").read_text(encoding="utf-8") + (ROOT / "docs/operator/admission.md").read_text(
    encoding="utf-8"
)
# Reasons a file stays out of a cohort stand in the cohort's report and the ledger, not in an error. What the API server
# itself refuses has one code, and the sentence is the server's.
REPORTED = {"OWNER_NOT_LICENSED", "cluster_invalid"}


@pytest.mark.parametrize("line", LINES)
def test_a_row_names_a_test_that_exists_and_a_code_that_is_known(line: str) -> None:
    row = ROW.fullmatch(line)
    assert row is not None
    tree = ast.parse((ROOT / row["file"]).read_text(encoding="utf-8"))
    assert row["test"] in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert row["code"] in REPORTED or f"| `{row['code']}` |" in CODES
