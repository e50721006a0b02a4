"""What stops and what goes on while a part is away: what `test_killed` expects, and the page for operators from it.

`PYTHONPATH=tests python -m cluster.killed_table` writes the page anew; a unit test compares it.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cluster.places import REPOSITORY

PAGE: Final = REPOSITORY / "docs" / "operator" / "when-parts-fail.md"
WORKS: Final = "works"
ACTS: Final = {
    "lab": "open the workspace",
    "cell": "run a cell",
    "login": "log in",
    "start": "start a workspace",
    "ask": "ask for a release",
    "vote": "vote in review",
    "look": "look at a file in review",
    "govern": "apply a grant",
}


@dataclass(frozen=True)
class Told:
    """A part of what a person is shown, and how operators are told of it."""

    seen: str
    words: str


@dataclass(frozen=True)
class Part:
    """`expected` has, by act, what does not work."""

    title: str
    how: str
    expected: Mapping[str, Told]
    goes_on: str
    back: str

    def of(self, act: str) -> str:
        told = self.expected.get(act)
        return told.seen if told else WORKS


NOBODY: Final = Told("no answer", "the site cannot be reached; a load balancer in front may have a page for that")
PROXY_PAGE: Final = Told("503 Not available at the moment", "a page that says so, from the proxy (503)")
UNSHOWN: Final = Told(
    "shows nothing for now",
    "the cell runs; in the place of its output stands that nothing is shown while it cannot be counted",
)
LOGIN_UNKNOWN: Final = Told("503 cannot check your login", "a page that says so (503)")
CLOSED: Final = Told("connection closed", "the page says that it is not connected; the kernel runs on")

PARTS: Final[dict[str, Part]] = {
    "controller": Part("the controller", "its pod deleted, then its container killed twice", {}, "", ""),
    "opa": Part("the policy servers", "killed twice in every pod that has one", {}, "", ""),
    "egress": Part("review and intake", "container killed twice", {}, "", ""),
    "hub": Part("the hub", "container killed twice", {}, "", ""),
    "proxy": Part("the proxy", "container killed twice", {}, "", ""),
    "s3": Part("the object store", "killed", {}, "", ""),
    "postgres": Part("PostgreSQL", "killed", {}, "", ""),
    "cilium-agent": Part("the network agent", "killed", {}, "", ""),
    "kubelet": Part("the kubelet", "killed", {}, "", ""),
    "etcd": Part("etcd", "frozen", {}, "", ""),
    "kube-apiserver": Part("the API server", "killed", {}, "", ""),
}


def is_as_expected(expected: str, seen: str) -> bool:
    return seen == WORKS if expected == WORKS else expected in seen


def rows(part: Part, seen: Mapping[str, str], back: Mapping[str, float]) -> Iterator[str]:
    """Expected beside seen, and after how many seconds it worked again."""
    yield f"{part.title} ({part.how})"
    for act, words in ACTS.items():
        wanted = part.of(act)
        mark = "" if is_as_expected(wanted, seen[act]) else "   DIFFERENT"
        yield f"  {words:26}{wanted:48}{back.get(act, 0):5.0f} s  {seen[act]}{mark}"


def page() -> str:
    """The page for operators."""
    return "\n".join([*_head(), *(line for part in PARTS.values() for line in _section(part)), ""])


def _head() -> Iterator[str]:
    yield from HEAD.strip().splitlines()
    yield ""
    yield f"| away | {' | '.join(ACTS.values())} |"
    yield f"|---|{'---|' * len(ACTS)}"
    for part in PARTS.values():
        cells = ("✓" if part.of(act) == WORKS else "see below" for act in ACTS)
        yield f"| {part.title} | {' | '.join(cells)} |"


def _section(part: Part) -> Iterator[str]:
    yield from ("", f"## {part.title[0].upper()}{part.title[1:]}", part.goes_on)
    if part.expected:
        yield ""
        yield from (f"- **{ACTS[act]}**: {told.words}." for act, told in part.expected.items())
    yield from ("", f"*Comes back:* {part.back}")


HEAD: Final = """
# When parts fail

What people can do while one part of an installation is away, what they are told, and how it comes back. This page is
written from `tests/cluster/killed_table.py`, which `make test-cluster` holds against a running cluster: each part is
killed or frozen while a workspace is open with a computation in it, one request is being written and another
reviewed.

Whatever is away, the open workspace stays the same pod, nothing in it is started again, and what computes goes on. What
was asked for, voted or written before is there afterwards, and the ledger verifies. Nothing has to be started by hand:
Kubernetes starts containers again, and the machines' init system is expected to do so for what runs beside it.
"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
