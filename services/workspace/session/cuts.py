"""Notices when ZeroMQ gives up on a kernel's socket, which it does for good after a frame over the size limit.

`websocket` and `manager` watch their streams with this and connect anew, so that one huge output does not leave a
notebook deaf until the page is loaded again.
"""

from collections.abc import Callable
from uuid import uuid4

from zmq.constants import Event, SocketType
from zmq.eventloop.zmqstream import ZMQStream
from zmq.sugar.socket import Socket


class CutWatch:
    """Calls `on_cut` once the far end of a stream is lost; close it before the stream."""

    def __init__(self, stream: ZMQStream, on_cut: Callable[[], None]) -> None:
        self._socket = stream.socket
        address = f"inproc://cut-{uuid4().hex}"
        self._socket.monitor(address, Event.DISCONNECTED)
        listener = Socket(self._socket.context, SocketType.PAIR)
        listener.linger = 0
        listener.connect(address)
        self._events = ZMQStream(listener)
        self._events.on_recv(lambda _: on_cut())

    def close(self) -> None:
        if not self._events.closed():
            self._events.on_recv(None)
            self._events.close()
        if not self._socket.closed:
            self._socket.disable_monitor()
