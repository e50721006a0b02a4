"""Starts the Python kernel; the launcher's table runs it in the researcher's environment.

A stock kernel takes the output of its forked children over TCP on 127.0.0.1, which the sandbox refuses. Here it takes
it over a unix socket in the sandbox's own /tmp, so that `multiprocessing` prints as it does elsewhere.
"""

import os
import tempfile
from typing import Any

import zmq
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import launch_new_instance
from zmq.eventloop.zmqstream import ZMQStream


def listen_on_unix_socket(thread: Any) -> None:  # noqa: ANN401  # a private part of a library without types
    thread._pipe_uuid = os.urandom(16)  # noqa: SLF001
    thread._pipe_place = f"ipc://{tempfile.mkdtemp(prefix='iopub-')}/pipe"  # noqa: SLF001
    listener = thread.socket.context.socket(zmq.PULL)  # type: ignore[attr-defined]  # exported at run time
    listener.linger = 0
    listener.bind(thread._pipe_place)  # noqa: SLF001
    thread._pipe_in = ZMQStream(listener, thread.io_loop)  # noqa: SLF001
    thread._pipe_in.on_recv(thread._handle_pipe_msg)  # noqa: SLF001


def speak_to_unix_socket(thread: Any) -> tuple[Any, Any]:  # noqa: ANN401  # as above
    context = zmq.Context()  # type: ignore[attr-defined]  # one from before the fork must not be used
    speaker = context.socket(zmq.PUSH)  # type: ignore[attr-defined]
    speaker.linger = 3000
    speaker.connect(thread._pipe_place)  # noqa: SLF001
    return context, speaker


def main() -> None:
    IOPubThread._setup_pipe_in = listen_on_unix_socket  # type: ignore[method-assign]  # noqa: SLF001
    IOPubThread._setup_pipe_out = speak_to_unix_socket  # type: ignore[method-assign]  # noqa: SLF001
    launch_new_instance()


if __name__ == "__main__":
    main()
