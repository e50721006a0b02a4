"""Listeners on this machine that admit everyone; the canary must not reach them from a sandbox.

Two loopback addresses, and one abstract unix socket: those belong to a network namespace too, and the seccomp filter
does not refuse them, so it shows the second lock by itself.
"""

import contextlib
import secrets
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

ADDRESSES = ("127.0.0.1", "127.0.0.2")
SECONDS = 1.0


@dataclass
class Beacons:
    tcp: tuple[tuple[str, int], ...]
    abstract: str
    visits: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self) -> bool:
        """Whether each of them answers the controller itself; the visits of this do not count."""
        targets = [(socket.AF_INET, address) for address in self.tcp]
        found = [_answers(family, address) for family, address in targets]
        found.append(_answers(socket.AF_UNIX, "\0" + self.abstract))
        with self.lock:
            self.visits = 0
        return all(found)

    def count(self) -> None:
        with self.lock:
            self.visits += 1


@contextlib.contextmanager
def lit() -> Iterator[Beacons]:
    """Beacons that listen until the block is left."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(_listener(socket.AF_INET, (address, 0))) for address in ADDRESSES]
        abstract = f"tidegate-beacon-{secrets.token_hex(8)}"
        tcp = tuple((str(host), int(port)) for host, port in (own.getsockname() for own in listeners))
        listeners.append(stack.enter_context(_listener(socket.AF_UNIX, "\0" + abstract)))
        beacons = Beacons(tcp, abstract)
        wake, end = socket.socketpair()
        stack.enter_context(wake)
        thread = threading.Thread(target=_serve, args=(listeners, wake, beacons), daemon=True)
        thread.start()
        try:
            yield beacons
        finally:
            end.close()
            thread.join()


def _listener(family: int, address: object) -> socket.socket:
    own = socket.socket(family, socket.SOCK_STREAM)
    try:
        own.bind(address)  # type: ignore[arg-type]  # an address of its family
        own.listen()
    except OSError:
        own.close()
        raise
    return own


def _serve(listeners: list[socket.socket], wake: socket.socket, beacons: Beacons) -> None:
    with selectors.DefaultSelector() as selector:
        for own in (*listeners, wake):
            selector.register(own, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if wake.fileno() in ready:
                return
            for own in (own for own in listeners if own.fileno() in ready):
                client, _ = own.accept()
                beacons.count()
                client.close()


def _answers(family: int, address: object) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(SECONDS)
        client.connect(address)  # type: ignore[arg-type]  # an address of its family
        return client.recv(1) == b""
