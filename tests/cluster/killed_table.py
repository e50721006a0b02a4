"""What stops and what goes on while a part is away: what `test_killed` expects, and the page for operators from it.

`PYTHONPATH=tests python -m cluster.killed_table` writes the page anew; a unit test compares it.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from cluster.places import REPOSITORY

PAGE: Final = REPOSITORY / "docs" / "operator" / "when-parts-fail.md"
WORKS: Final = "works"
WIDTH: Final = 120
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


NOBODY: Final = Told("no answer", "the site cannot be reached, unless a load balancer in front of it has a page")
PROXY_PAGE: Final = Told("503 Not available at the moment", "a page of the proxy says so (503)")
UNSHOWN: Final = Told(
    "shows nothing for now", "the cell runs, but a notice stands in the place of its output: what is shown is counted"
)
SILENT_LOGIN: Final = Told("cannot check your login", "a page of the workspace says so (503); the login stays")
CLOSED: Final = Told("connection closed", "the page says that it lost its connection; the kernel runs on")
PENDING: Final = Told(
    "Opening your workspace", "the page with the progress bar waits, and goes on afterwards by itself"
)
NOT_YET: Final = Told("does not know it yet", "it is written, and takes effect afterwards")
NO_STORE: Final = Told("The object store does not answer", "the page or the cell says so (503); ask again afterwards")
NO_DATABASE: Final = Told("database of review does not answer", "a page says so (503); nothing was changed")

PARTS: Final[dict[str, Part]] = {
    "controller": Part(
        "the controller",
        "its pod deleted, then its container killed",
        {"govern": NOT_YET},
        "Only officers notice. Projects stay as they are: nothing is opened, changed or repaired, no access is cut. "
        "Workspaces still end at their deadline, which the kubelet keeps. After an hour without a newly published "
        "policy nothing more is started.",
        "by itself; it takes up its Lease within 15 seconds and looks at every project.",
    ),
    "opa": Part(
        "the policy servers",
        "killed in every pod that has one",
        {
            "start": Told("policy_unavailable", "refused with a sentence and the code `policy_unavailable`"),
            "govern": NOT_YET,
        },
        "No answer is a no: nothing is started or released. What runs goes on for 15 minutes, then its project is "
        "paused.",
        "by itself; each has its last bundle on disk.",
    ),
    "egress": Part(
        "review and intake",
        "container killed",
        {"cell": UNSHOWN, "ask": UNSHOWN, "vote": PROXY_PAGE, "look": PROXY_PAGE},
        "Workspaces open and compute. What a kernel prints meanwhile is not shown later; its variables and files are "
        "there.",
        "by itself. A cell shows its output again within seconds; a release is asked for anew.",
    ),
    "hub": Part(
        "the hub",
        "container killed",
        {"lab": SILENT_LOGIN, "login": PROXY_PAGE, "start": PROXY_PAGE},
        "Open pages stay connected and cells show what they print: for five minutes review goes by what the hub last "
        "said of a workspace. Who is logged in at review goes on reviewing. Ends of access are kept by the controller, "
        "which then deletes pods itself.",
        "by itself, and finds the workspaces running. Nobody has to log in again.",
    ),
    "proxy": Part(
        "the proxy",
        "container killed",
        {
            "lab": NOBODY,
            "cell": CLOSED,
            "login": NOBODY,
            "start": NOBODY,
            "ask": CLOSED,
            "vote": NOBODY,
            "look": NOBODY,
        },
        "No page is reached. Kernels compute, and officers' commands work: they do not pass it.",
        "by itself; the hub gives it its routes within 5 seconds, and open pages connect again.",
    ),
    "s3": Part(
        "the object store",
        "killed",
        {"ask": NO_STORE, "vote": NO_STORE, "look": NO_STORE},
        "Workspaces, logins and starts go on: policy servers keep the bundle they have.",
        "with the store. Nothing is half stored: a file is on the request, or it is asked for again.",
    ),
    "postgres": Part(
        "PostgreSQL",
        "killed",
        {
            "lab": SILENT_LOGIN,
            "cell": UNSHOWN,
            "login": Told("The database does not answer", "a page says so (503); no password is blamed"),
            "start": Told("cannot look up who you are", "a page of the hub says so (503); the login stays"),
            "ask": UNSHOWN,
            "vote": NO_DATABASE,
            "look": NO_DATABASE,
            "govern": Told("database_unavailable", "the command ends with a sentence and `database_unavailable`"),
        },
        "Kernels compute. Nothing is decided or written without its record, so all else waits.",
        "with the database. Every service connects again; nobody has to log in again.",
    ),
    "cilium-agent": Part(
        "the network agent of a node",
        "killed",
        {"start": PENDING},
        "Connections, new ones too, and network policies: both stand in the node's kernel. No new pod gets a network.",
        "with the agent.",
    ),
    "kubelet": Part(
        "the kubelet of a node",
        "killed",
        {"start": PENDING},
        "All pods of the node run on. None starts there, none is ended there, and none is replaced where it crashes; "
        "deadlines of workspaces are kept once it is back.",
        "with the kubelet, which finds the pods running.",
    ),
    "etcd": Part(
        "etcd",
        "frozen",
        {
            "start": PENDING,
            "govern": Told("no answer", "the command waits, after half a minute it says what is silent"),
        },
        "Services read from what they heard last, for 3 minutes at most; then they refuse rather than guess. The "
        "controller lets its Lease go and starts again.",
        "with etcd.",
    ),
    "kube-apiserver": Part(
        "the API server",
        "killed",
        {
            "start": Told("cluster_unavailable", "refused with a sentence and the code `cluster_unavailable`"),
            "govern": Told("cluster_unavailable", "the command ends with a sentence and `cluster_unavailable`"),
        },
        "As with etcd.",
        "with the API server; watches are begun anew.",
    ),
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
        cells = ("✓" if part.of(act) == WORKS else "no" for act in ACTS)
        yield f"| {part.title} | {' | '.join(cells)} |"


def _section(part: Part) -> Iterator[str]:
    yield from ("", f"## {part.title[0].upper()}{part.title[1:]}", *wrap(part.goes_on, WIDTH), "")
    for told in dict.fromkeys(part.expected.values()):
        acts = ", ".join(ACTS[act] for act in part.expected if part.expected[act] == told)
        yield from wrap(f"- **{acts}**: {told.words}.", WIDTH, subsequent_indent="  ")
    yield from ("", *wrap(f"*Comes back* {part.back}", WIDTH))


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
