"""The safe subset of Rego, held by reading the sources: what could fail open is refused by rule and line.

Each rule looks at one block (what stands between blank lines), without comments and with its texts blanked.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from rego_kit import FOLDER

BUILTINS: Final = {
    each["name"] for each in json.loads((FOLDER / "capabilities.json").read_text("utf-8"))["builtins"]
} - {"internal.member_2"}
ROOTS: Final = {"tidegate", "licences", "duo", "mondo", "kinds", "site", "codes", "version", "revision"}
WORDS: Final = {"if", "in", "not", "some", "every", "contains", "default", "else", "set"}
OURS: Final = r"(approvals|licences|people|projects|purposes|mixing|sharing)\.[a-z_]+_ok"

TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
CALL = re.compile(r"([a-z_][a-z0-9_.]*)\(")
FUNCTION = re.compile(r"^(?:default )?([a-z_]+)\(", re.MULTILINE)
IMPORT = re.compile(r"^import data\.tidegate\.([a-z_]+)$", re.MULTILINE)
NEGATED = re.compile(r"\bnot\s+(\S+)(.*)")
COMPARED = re.compile(r"input\.[a-z_.]+ *(?:[<>]=?)|[<>]=? *input\.[a-z_.]+")
# Both are proved numbers on the lines before.
MEASURED = re.compile(r"^\s*d\.tier <= input\.project\.tier$", re.MULTILINE)
COUNTED = re.compile(r"count\((input\.[a-z_.]+)\)")


@dataclass(frozen=True)
class Source:
    """`defaults` are the facts that are false unless proved; `functions` those of the file itself."""

    blocks: tuple[str, ...]
    defaults: frozenset[str]
    functions: frozenset[str]
    imported: frozenset[str]
    text: str = field(repr=False)


def parsed(source: str) -> Source:
    bare = "\n".join("" if line.lstrip().startswith("#") else line for line in source.splitlines())
    text = TEXT.sub('""', bare)
    return Source(
        tuple(block for block in re.split(r"\n\s*\n", text) if block.strip()),
        frozenset(re.findall(r"^default ([a-z_]+) := false$", text, re.MULTILINE)),
        frozenset(FUNCTION.findall(text)),
        frozenset(IMPORT.findall(text)),
        text,
    )


def _negates_more_than_a_fact(block: str, source: Source) -> bool:
    for negated, rest in NEGATED.findall(block):
        own = negated in source.defaults and negated.endswith("_ok")
        if not (own or re.fullmatch(OURS, negated)) or rest.strip(" }"):
            return True
    return False


def _calls_what_is_not_listed(block: str, source: Source) -> bool:
    return any(not _is_listed(name, source) for name in CALL.findall(block) if name not in WORDS)


def _is_listed(name: str, source: Source) -> bool:
    package, _, function = name.rpartition(".")
    return name in BUILTINS or name in source.functions or (package in source.imported and bool(function))


def _compares_input_raw(block: str, _: Source) -> bool:
    return bool(COMPARED.search(MEASURED.sub("", block)))


def _counts_input_of_any_type(block: str, _: Source) -> bool:
    return any(f"is_array({path})" not in block for path in COUNTED.findall(block))


def _holds_for_every_of_nothing(block: str, _: Source) -> bool:
    return bool(re.search(r"\bevery\b[^{]*\binput\b", block))


def _takes_a_key_for_a_path(block: str, _: Source) -> bool:
    """A key that is a list is a path to `object.get`: a name from the question could be one."""
    return bool(re.search(r"object\.get\([^,()]+, [^\[]", block))


def _is_true_unless_proved(block: str, _: Source) -> bool:
    return bool(re.search(r"^default (?!waiting\b)\S+ := true", block, re.MULTILINE))


def _is_a_fact_without_default(block: str, source: Source) -> bool:
    heads = re.findall(r"^([a-z_]+_ok)\b", block, re.MULTILINE)
    return any(name not in source.defaults for name in heads)


def _replaces_input_or_data(block: str, _: Source) -> bool:
    return bool(re.search(r"\bwith\b", block))


def _reads_data_that_is_not_there(block: str, _: Source) -> bool:
    return any(root not in ROOTS for root in re.findall(r"\bdata\.([a-z_]+)", block))


def _reads_the_whole_question(block: str, _: Source) -> bool:
    return bool(re.search(r"\binput(?!\.[a-z])|\binput\[", block))


def _imports_from_elsewhere(block: str, _: Source) -> bool:
    return any(not IMPORT.match(line) for line in block.splitlines() if line.startswith("import "))


RULES: Final[tuple[Callable[[str, Source], bool], ...]] = (
    _negates_more_than_a_fact,
    _calls_what_is_not_listed,
    _compares_input_raw,
    _counts_input_of_any_type,
    _holds_for_every_of_nothing,
    _takes_a_key_for_a_path,
    _is_true_unless_proved,
    _is_a_fact_without_default,
    _replaces_input_or_data,
    _reads_data_that_is_not_there,
    _reads_the_whole_question,
    _imports_from_elsewhere,
)


def unsafe(text: str) -> Iterator[tuple[str, str]]:
    """The rule that is broken, and the first line of the block that breaks it."""
    source = parsed(text)
    for block in source.blocks:
        for rule in RULES:
            if rule(block, source):
                yield rule.__name__.strip("_").replace("_", " "), block.splitlines()[0]
