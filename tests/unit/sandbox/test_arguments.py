"""The arguments bubblewrap is given, and the records around them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.sandbox import Bind, Limits, Running, SandboxSpec, families
from tidegate.sandbox.arguments import bwrap_arguments, ordered_binds
from tidegate.sandbox.life import group_name
from tidegate.sandbox.rlimits import limited

LIMITS = Limits(memory_bytes=1 << 30, pids=64, cpus=1.5, tmp_bytes=1 << 20)
SPEC = SandboxSpec(
    "one",
    ("/usr/bin/true",),
    (
        Bind(Path("/a/shared"), "/home/researcher/shared", writable=True),
        Bind(Path("/a/home"), "/home/researcher", writable=True),
        Bind(Path("/a/cohort"), "/cohort"),
    ),
    {"NAME": "a value"},
    LIMITS,
)


def arguments(spec: SandboxSpec = SPEC, *, short: bool = False) -> list[str]:
    sources = [str(bind.source) for bind in ordered_binds(spec)]
    return bwrap_arguments(spec, sources, [(9, "/etc/passwd")], dies_with_parent=short)


def has(found: list[str], *words: str) -> bool:
    return any(found[n : n + len(words)] == list(words) for n in range(len(found)))


@pytest.mark.parametrize(
    "words",
    [
        ("--unshare-all",),
        ("--unshare-user",),
        ("--disable-userns",),
        ("--new-session",),
        ("--clearenv",),
        ("--cap-drop", "ALL"),
        ("--uid", "1000"),
        ("--gid", "1000"),
        ("--as-pid-1",),
        ("--ro-bind", "/usr", "/usr"),
        ("--proc", "/proc"),
        ("--size", str(1 << 20), "--tmpfs", "/tmp"),
        ("--size", str(1 << 20), "--tmpfs", "/dev/shm"),
        ("--remount-ro", "/"),
        ("--remount-ro", "/dev"),
        ("--ro-bind", "/a/cohort", "/cohort"),
        ("--bind", "/a/home", "/home/researcher"),
        ("--ro-bind-data", "9", "/etc/passwd"),
        ("--setenv", "NAME", "a value"),
    ],
)
def test_every_sandbox_has(words: tuple[str, ...]) -> None:
    assert has(arguments(), *words)


def test_outer_folders_are_shown_before_those_inside_them() -> None:
    found = arguments()
    assert found.index("/home/researcher") < found.index("/home/researcher/shared")


def test_only_a_short_run_dies_with_its_caller() -> None:
    """A restart of the hub must not end anyone's work."""
    assert "--die-with-parent" in arguments(short=True)
    assert "--die-with-parent" not in arguments()


def test_the_network_is_shared_only_when_asked_for() -> None:
    assert "--share-net" not in arguments()
    assert "--share-net" in arguments(SandboxSpec("s", (), (), {}, LIMITS, network=True))


def test_the_environment_is_cleared_before_it_is_set() -> None:
    found = arguments()
    assert found.index("--clearenv") < found.index("--setenv")


@given(
    st.builds(
        Running,
        pid=st.integers(1),
        started=st.integers(0),
        child_pid=st.integers(1),
        child_started=st.integers(0),
        cgroups=st.lists(st.text()).map(tuple),
        boot=st.text(),
    )
)
def test_a_record_survives_being_written_down(running: Running) -> None:
    assert Running.from_json(running.to_json()) == running


@given(st.text(max_size=200), st.text(max_size=50), st.text(max_size=50))
def test_group_names_are_safe_and_tell_installations_apart(name: str, here: str, there: str) -> None:
    found = group_name(name, here)
    assert "/" not in found
    assert found not in {".", ".."}
    assert len(found) < 64
    assert (found == group_name(name, there)) == (here == there)


def test_the_filter_of_lock_2_leaves_four_families() -> None:
    tests = {"EQ": int.__eq__, "GT": int.__gt__}
    left = [n for n in range(64) if not any(tests[how](n, family) for how, family in families.refused())]
    assert left == list(families.HELD) == [1, 2, 10, 16]


def test_limits_without_a_group_become_limits_of_each_process() -> None:
    assert limited(SPEC, held=("memory", "cpu", "pids")) == SPEC
    words = limited(SPEC, held=()).argv
    assert words[0].endswith("/prlimit")
    assert words[1:] == (f"--as={1 << 30}", "--nproc=64", "--", "/usr/bin/true")
