"""Lists every stable code with its sentence: `python -m tidegate.cli.codes` writes `docs/developer/codes.md` anew.

For developers and support; a test fails while the page is stale. Codes raised where they are written are found by
reading the source; codes that stand in tables come from the tables.
"""

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from egress_review.checks.catalogue import CODES
from egress_review.domain.refusals import REFUSALS
from provisioner.adapters.xnat.failures import WORDS
from provisioner.domain.elements import GateCode
from tidegate.policy.rules import policies_folder
from workspace.hub.kubernetes.troubles import TROUBLES
from workspace.session.refusals import SENTENCES

SERVICES: Final = Path(__file__).resolve().parents[2]
PAGE: Final = SERVICES.parent / "docs" / "developer" / "codes.md"
ERROR: Final = "TidegateError"
HEAD: Final = """# Codes

Every refusal carries one of these. They are stable: programs, runbooks and support refer to them, the sentence may be
reworded. `…` stands for what is filled in. Written by `python -m tidegate.cli.codes`; do not edit.
"""
COMPUTED: Final = "(told where it happens)"
Codes = dict[str, str]


def page() -> str:
    """The whole page: modules in order, then tables."""
    parts = [HEAD]
    for path in sorted(SERVICES.rglob("*.py")):
        found = codes_of(ast.parse(path.read_text(encoding="utf-8")))
        if found:
            parts.append(_section(".".join(path.relative_to(SERVICES).with_suffix("").parts), found))
    parts += [_section(title, codes) for title, codes in tables().items()]
    return "\n".join(parts)


def tables() -> Mapping[str, Codes]:
    policy = json.loads((policies_folder() / "data" / "codes.json").read_text(encoding="utf-8"))
    return {
        "Pulling from XNAT": {code: sentence for code, (sentence, _) in WORDS.items()},
        "The de-identification gate: why a file is refused": dict.fromkeys(GateCode, ""),
        "Policy": {code: about["sentence"] for code, about in policy.items()},
        "A workspace that does not start on Kubernetes": {trouble.code: trouble.sentence for trouble in TROUBLES},
        "Files and folders of a workspace": {reason: SENTENCES[reason] for reason in SENTENCES},
        "Egress review: requests, votes, downloads": {code: refusal.sentence for code, refusal in REFUSALS.items()},
        "Egress review: findings of a scan": {code: row.researcher for code, row in CODES.items()},
    }


def codes_of(module: ast.Module) -> Codes:
    """Constant codes given to an error, or to a function of the module that makes one from its `code`."""
    makers = {ERROR: ""} | dict(_makers(module))
    found: Codes = {}
    for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in makers and call.args and (code := _text(call.args[0])):
            own = _text(call.args[1]) if len(call.args) > 1 else ""
            found.setdefault(code, makers[name] or own)
    return found


def _makers(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Functions that pass a parameter on as an error's code, with the sentence where that is their own."""
    for function in (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)):
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            passed = isinstance(call.func, ast.Name) and call.func.id == ERROR and _is_parameter(call, function)
            if passed:
                yield function.name, _text(call.args[1])


def _is_parameter(call: ast.Call, function: ast.FunctionDef) -> bool:
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Name) and first.id in {argument.arg for argument in function.args.args}


def _text(node: ast.expr) -> str:
    """A constant text or an f-string with its gaps marked; empty for anything that is computed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return ""


def _section(title: str, codes: Codes) -> str:
    rows = [f"| `{code}` | {(sentence or COMPUTED).replace('|', '/')} |" for code, sentence in sorted(codes.items())]
    return "\n".join([f"## {title}", "", "| code | sentence |", "|---|---|", *rows, ""])


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} is current.\n")


if __name__ == "__main__":
    main()
