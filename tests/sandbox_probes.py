"""What an attacker's notebook tries, run inside the sandbox as a program: `python probes.py NAME ARGUMENTS...`.

Standard library only. Each probe prints one word: `done` when the lock did not hold it, else what stopped it, by the
system's name of the error. A probe that is killed prints nothing; the caller sees the signal.
"""

import ctypes
import errno
import mmap
import os
import signal
import socket
import sys
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
SOCKET, IO_URING_SETUP, ADD_KEY, KEYCTL = 41, 425, 248, 250
X32 = 0x40000000

FAMILIES = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM, 0),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM, 0),
    "tcp6": (socket.AF_INET6, socket.SOCK_STREAM, 0),
    "raw": (socket.AF_INET, socket.SOCK_RAW, 1),
    "packet": (socket.AF_PACKET, socket.SOCK_RAW, 0),
    "netlink": (socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "vsock": (socket.AF_VSOCK, socket.SOCK_STREAM, 0),
    "alg": (38, socket.SOCK_SEQPACKET, 0),
    "unspecified": (0, socket.SOCK_STREAM, 0),
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM, 0),
}


def open_socket(name: str) -> None:
    socket.socket(*FAMILIES[name]).close()


def connect(address: str, port: str) -> None:
    socket.create_connection((address, int(port)), timeout=3).close()


def abstract(name: str) -> None:
    """A unix socket without a place in any folder; who sees it goes by the network namespace."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(f"\0{name}")


def call(number: int, *arguments: object) -> None:
    """A bare system call, as code that does not go through the C library's functions makes it."""
    wide = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    result = libc.syscall(ctypes.c_long(number), *wide)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def high_bits() -> None:
    """The filter sees 64 bits of the family, Linux only 32."""
    call(SOCKET, (1 << 32) | socket.AF_INET, socket.SOCK_STREAM, 0)


def x32() -> None:
    call(X32 | SOCKET, socket.AF_INET, socket.SOCK_STREAM, 0)


def int80() -> None:
    """socket(AF_INET, SOCK_STREAM, 0) by its 32-bit number, 359, through the 32-bit door of Linux."""
    code = bytes.fromhex("53 B867010000 BB02000000 B901000000 31D2 CD80 5B C3")
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    result = ctypes.CFUNCTYPE(ctypes.c_int)(start)()
    if result < 0:
        raise OSError(-result, "refused")


def io_uring() -> None:
    call(IO_URING_SETUP, 4, ctypes.create_string_buffer(120))


def add_key() -> None:
    call(ADD_KEY, b"user", b"tidegate-probe", b"x", 1, -1)


def keyctl() -> None:
    call(KEYCTL, 0, -3, 0)


def user_namespace() -> None:
    if libc.unshare(0x10000000):
        raise OSError(ctypes.get_errno(), "refused")


def write_cohort() -> None:
    Path("/cohort/new").write_text("x")


def remount_cohort() -> None:
    """Read-only, made writable again: MS_REMOUNT | MS_BIND without MS_RDONLY."""
    if libc.mount(b"none", b"/cohort", None, ctypes.c_ulong(0x20 | 0x1000), None):
        raise OSError(ctypes.get_errno(), "refused")


def core_pattern() -> None:
    with Path("/proc/sys/kernel/core_pattern").open("a"):
        pass


def trace_launcher() -> None:
    """PTRACE_SEIZE of process 1, then its memory and its descriptors by name."""
    if libc.ptrace(0x4206, 1, 0, 0):
        raise OSError(ctypes.get_errno(), "refused")


def launcher_descriptors() -> None:
    list(Path("/proc/1/fd").iterdir())


def other_processes() -> None:
    """Processes that are not of this sandbox would be there beside process 1 and its descendants."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    if any(parent not in {0, *parents} for parent in parents.values()) or len(parents) > 12:
        return
    raise OSError(errno.ESRCH, "only our own")


def signal_host(pid: str) -> None:
    os.kill(int(pid), signal.SIGTERM)


PROBES = {
    "socket": open_socket,
    **{probe.__name__: probe for probe in (connect, abstract, high_bits, x32, int80, io_uring, add_key, keyctl)},
    **{probe.__name__: probe for probe in (user_namespace, write_cohort, remount_cohort, core_pattern)},
    **{probe.__name__: probe for probe in (trace_launcher, launcher_descriptors, other_processes, signal_host)},
}


def main(name: str, *arguments: str) -> None:
    try:
        PROBES[name](*arguments)
    except OSError as error:
        answer = errno.errorcode.get(error.errno or 0, type(error).__name__)
    else:
        answer = "done"
    sys.stdout.write(f"{answer}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
