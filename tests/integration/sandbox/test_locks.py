"""The two locks on the network: each holds with the other removed, and with both removed the probes do get out."""

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox_kit import ADDRESSES, PROBES, REPOSITORY, Beacon, Notebook, in_own_network, launched, notebook, place

KILLED = "killed by SIGSYS"

# Probe, what answers under both locks, and under the empty network with lock 1 removed.
CALLS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("socket", "tcp"), "ENOTSUP", "done"),
    (("socket", "udp"), "ENOTSUP", "done"),
    (("socket", "tcp6"), "ENOTSUP", "done"),
    (("socket", "netlink"), "ENOTSUP", "done"),
    (("socket", "raw"), "ENOTSUP", "EPERM"),
    (("socket", "packet"), "ENOTSUP", "EAFNOSUPPORT"),
    (("socket", "vsock"), "ENOTSUP", "EAFNOSUPPORT"),
    (("socket", "alg"), "ENOTSUP", "EAFNOSUPPORT"),
    (("socket", "unix"), "done", "done"),
    (("connect", "169.254.169.254", "80"), "ENOTSUP", "ENETUNREACH"),  # a cloud's metadata service
    (("connect", "10.96.0.1", "443"), "ENOTSUP", "ENETUNREACH"),  # where a cluster's API server often is
    (("connect", "127.0.0.1", "8081"), "ENOTSUP", "ECONNREFUSED"),  # the hub's usual port
    (("connect", "127.0.0.53", "53"), "ENOTSUP", "ECONNREFUSED"),  # a resolver of the machine's own
    (("high_bits",), "ENOTSUP", "EAFNOSUPPORT"),
    (("int80",), KILLED, KILLED),
    (("x32",), KILLED, KILLED),
    (("io_uring",), "ENOSYS", "done"),
    (("add_key",), "EPERM", "done"),
    (("keyctl",), "EPERM", "done"),
    (("user_namespace",), "ENOSPC", "ENOSPC"),
    (("write_cohort",), "EROFS", "EROFS"),
    (("remount_cohort",), "EPERM", "EPERM"),
    (("core_pattern",), "EACCES", "EACCES"),
    (("trace_launcher",), "EPERM", "EPERM"),
    (("launcher_descriptors",), "EACCES", "EACCES"),
    (("other_processes",), "ESRCH", "ESRCH"),
    (("signal_host", "999999"), "ESRCH", "ESRCH"),
)

RUN_PROBES = """
import subprocess, sys
def probe(*words):
    done = subprocess.run([sys.executable, '/opt/tidegate/probes.py', *words], capture_output=True, text=True)
    return 'killed by SIGSYS' if done.returncode == -31 else done.stdout.strip() or done.stderr
"""


def ask(kernel: Notebook, *words: str) -> str:
    """A child of the kernel tries, so the lock is shown to be inherited."""
    return kernel.cell(f"print(probe(*{words!r}))").text


@pytest.fixture(scope="module")
def locked() -> Iterator[Notebook]:
    with place() as where, launched(where), notebook(where) as kernel:
        kernel.cell(RUN_PROBES)
        yield kernel


@pytest.fixture(scope="module")
def without_filter() -> Iterator[Notebook]:
    with place() as where, launched(where, filtered=False), notebook(where) as kernel:
        kernel.cell(RUN_PROBES)
        yield kernel


@pytest.mark.parametrize(("words", "answer"), [(words, answer) for words, answer, _ in CALLS])
def test_a_kernel_is_refused(locked: Notebook, words: tuple[str, ...], answer: str) -> None:
    assert ask(locked, *words) == answer


@pytest.mark.parametrize(("words", "answer"), [(words, answer) for words, _, answer in CALLS])
def test_with_lock_1_removed_the_sandbox_still_answers(
    without_filter: Notebook, words: tuple[str, ...], answer: str
) -> None:
    assert ask(without_filter, *words) == answer


def test_the_kernel_itself_is_refused_and_not_only_its_children(locked: Notebook) -> None:
    assert locked.cell("import socket; socket.socket()").error == "OSError"
    assert locked.cell("a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))").text == "b'x'"
    assert locked.cell("socket.getaddrinfo('example.org', 80)").error == "gaierror"


def alone(*words: str, filtered: bool) -> str:
    """A probe outside any sandbox, under lock 1 or free."""
    load = "from workspace.launcher import filters; filters.load('none');" if filtered else ""
    code = f"import runpy, sys; {load} sys.argv[1:] = {words!r}; runpy.run_path({str(PROBES)!r}, run_name='__main__')"
    env = {"PYTHONPATH": str(REPOSITORY / "services")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    return KILLED if done.returncode == -31 else done.stdout.strip() or done.stderr


ALONE = (("socket", "tcp"), ("socket", "vsock"), ("high_bits",), ("int80",), ("x32",), ("io_uring",), ("keyctl",))


@pytest.mark.parametrize("words", ALONE)
def test_lock_1_needs_no_sandbox(words: tuple[str, ...]) -> None:
    """On Kubernetes there is no bubblewrap: the launcher's filter alone gives the same answers."""
    expected = {given: answer for given, answer, _ in CALLS}
    assert alone(*words, filtered=True) == expected[words]


@pytest.mark.parametrize("words", [("socket", "tcp"), ("high_bits",), ("int80",), ("io_uring",), ("keyctl",)])
def test_free_of_both_the_same_probes_get_through(words: tuple[str, ...]) -> None:
    assert alone(*words, filtered=False) == "done"


def reach(filtered: bool, network: bool, *options: str) -> dict[str, tuple[str, bool]]:  # noqa: FBT001  # the two locks
    """For each beacon: what the kernel's attempt to connect ended with, and whether the beacon saw it."""

    def body() -> dict[str, Any]:
        beacons = [Beacon(address) for address in ADDRESSES]
        try:
            with place() as where, launched(where, *options, filtered=filtered, network=network):
                with notebook(where) as kernel:
                    kernel.cell(RUN_PROBES)
                    told = {b.address: ask(kernel, "connect", b.address, str(b.port)) for b in beacons}
                return {beacon.address: (told[beacon.address], beacon.was_reached()) for beacon in beacons}
        finally:
            for beacon in beacons:
                beacon.listener.close()

    found: dict[str, tuple[str, bool]] = in_own_network(body)
    return found


def test_under_both_locks_no_beacon_is_reached() -> None:
    assert set(reach(filtered=True, network=False).values()) == {("ENOTSUP", False)}


def test_lock_2_removed_the_filter_still_holds() -> None:
    """The sandbox shares a network with the beacons in it, and cannot make a socket to use it."""
    assert set(reach(filtered=True, network=True).values()) == {("ENOTSUP", False)}


def test_lock_1_removed_the_empty_network_still_holds() -> None:
    found = reach(filtered=False, network=False)
    assert {answer for answer, _ in found.values()} <= {"ECONNREFUSED", "ENETUNREACH"}
    assert not any(seen for _, seen in found.values())


def test_both_locks_removed_the_beacons_are_reached() -> None:
    """This shows that the tests above can fail."""
    assert set(reach(filtered=False, network=True).values()) == {("done", True)}


def reach_abstract(filtered: bool, network: bool) -> tuple[str, bool]:  # noqa: FBT001  # the two locks
    """What a kernel's attempt at an abstract unix socket beside its sandbox ended with, and whether it was noticed."""

    def body() -> tuple[str, bool]:
        name = f"tidegate-test-{secrets.token_hex(8)}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"\0{name}")
            listener.listen()
            listener.setblocking(False)
            with place() as where, launched(where, filtered=filtered, network=network), notebook(where) as kernel:
                kernel.cell(RUN_PROBES)
                told = ask(kernel, "abstract", name)
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                return told, False
            return told, True

    found: tuple[str, bool] = in_own_network(body)
    return found


@pytest.mark.parametrize("filtered", [True, False])
def test_an_abstract_socket_is_held_by_the_empty_network(filtered: bool) -> None:  # noqa: FBT001  # lock 1
    assert reach_abstract(filtered, network=False) == ("ECONNREFUSED", False)


def test_lock_2_removed_an_abstract_socket_is_reached() -> None:
    """The filter cannot tell it from a socket with a place, so nothing trusted may listen on one."""
    assert reach_abstract(filtered=True, network=True) == ("done", True)


def test_the_loopback_profile_leaves_the_sandboxs_own_loopback_only() -> None:
    found = reach(True, False, "--network", "loopback")  # the two locks
    assert {answer for answer, _ in found.values()} <= {"ECONNREFUSED", "ENETUNREACH"}
    assert not any(seen for _, seen in found.values())


OWN_LOOPBACK = """
import socket
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(server.getsockname())
client.send(b'over loopback')
print(server.accept()[0].recv(20))
"""


def test_the_loopback_profile_allows_what_torchrun_needs_and_no_more() -> None:
    with place() as where, launched(where, "--network", "loopback"), notebook(where) as kernel:
        kernel.cell(RUN_PROBES)
        assert kernel.cell(OWN_LOOPBACK).text == "b'over loopback'"
        for name in ("tcp6", "netlink", "vsock", "packet", "alg", "unspecified"):
            assert ask(kernel, "socket", name) == "ENOTSUP", name
        assert ask(kernel, "socket", "raw") == "EPERM"
        assert ask(kernel, "high_bits") == "ENOTSUP"
        assert ask(kernel, "int80") == KILLED
