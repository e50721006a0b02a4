"""Runs a notebook's kernel in the sandbox instead of here; Jupyter makes one for each kernel of our kernelspec.

The stock one starts kernels beside the server, with the server's environment, tokens included. This one starts nothing
itself: it asks the launcher, over the socket folder that is all the two sides share.
"""

import asyncio
import os
import secrets
import signal
import time
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from tidegate.model import TidegateError
from workspace.session import launcher_client
from workspace.session.kernel_sockets import KernelSockets, NotASocketError

POLL_SECONDS = 0.1
# A kernel makes its sockets as soon as Python runs; a machine that is very busy needs seconds.
SOCKET_SECONDS = 60.0
BETWEEN_LOOKS = 0.02
# What a unix socket's path may have at most, its end mark included.
LONGEST_SOCKET_PATH = 107
# A folder with a longer name is not asked for; the kernel then starts in one further up.
LONGEST_FOLDER = 250

# The launcher gives a kernel's five sockets these numbers.
PORTS = {"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "hb_port": 4, "control_port": 5}

SIGNALS = {signal.SIGINT: "INT", signal.SIGTERM: "TERM", signal.SIGKILL: "KILL"}

# What a kernel is said to have ended with when its launcher cannot be asked.
LOST = 1


class TidegateProvisioner(KernelProvisionerBase):  # type: ignore[misc]  # the library has no types
    """One kernel in the sandbox."""

    name: str | None = None
    running = False
    connection_info: dict[str, Any]
    folder = ""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  # traits
        super().__init__(**options)
        self.sockets = KernelSockets()

    @property
    def has_process(self) -> bool:
        return self.running

    async def pre_launch(self, **kwargs: object) -> dict[str, Any]:
        """Settle where the sockets are. The command and the environment that Jupyter would use are thrown away."""
        manager = self.parent
        if self.name is None:
            self.name = f"k{secrets.token_hex(6)}"
            manager.transport = "ipc"
            manager.ip = _prefix(socket_folder(), self.name)
            for port, number in PORTS.items():
                setattr(manager, port, number)
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        self.folder = str(kwargs.get("cwd") or "")
        dropped = {"env", "cmd", "extra_arguments", "transport_encryption"}
        return {**{key: value for key, value in kwargs.items() if key not in dropped}, "cmd": [], "env": {}}

    async def launch_kernel(self, cmd: list[str], **_kwargs: object) -> dict[str, Any]:
        """Ask for the kernel of the same name as the kernelspec."""
        if cmd:
            raise TidegateError("kernel_command", "A kernel's command is the launcher's to choose, not the server's.")
        given = self.connection_info["key"]
        key = given.decode() if isinstance(given, bytes) else str(given)
        await self._ask(op="start", id=self.name, kernel="python3", key=key, folder=self.folder[:LONGEST_FOLDER])
        self.running = True
        await self._take_sockets()
        return self.connection_info

    async def _take_sockets(self) -> None:
        """Hold the kernel's sockets once it has made them; nothing is ever connected to by its name there."""
        paths = {number: Path(f"{self.connection_info['ip']}-{number}") for number in PORTS.values()}
        deadline = time.monotonic() + SOCKET_SECONDS
        try:
            while not self.sockets.take(paths):
                if await self.poll() is not None or time.monotonic() > deadline:
                    raise TidegateError(
                        "kernel_failed", "The kernel ended while it was starting.", launcher_client.RESTART
                    )
                await asyncio.sleep(BETWEEN_LOOKS)
        except NotASocketError:
            raise TidegateError(
                "kernel_not_a_socket",
                "A socket of the kernel has been replaced by something that is not a socket.",
                launcher_client.RESTART,
            ) from None

    async def poll(self) -> int | None:
        """None while it runs; a launcher that cannot be asked has no running kernel."""
        if not self.running:
            return 0
        try:
            status: int | None = (await self._ask(op="poll", id=self.name))["status"]
        except TidegateError as error:
            self.log.warning("%s", error)
            return LOST
        return status

    async def wait(self) -> int | None:
        while (status := await self.poll()) is None:  # noqa: ASYNC110  # the launcher is asked; it tells nothing unasked
            await asyncio.sleep(POLL_SECONDS)
        self.running = False
        return status

    async def send_signal(self, signum: int) -> None:
        name = SIGNALS.get(signal.Signals(signum)) if signum else None
        if name is not None:
            await self._tell(op="signal", id=self.name, signal=name)

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # Jupyter's signature
        await self._tell(op="stop", id=self.name)

    async def terminate(self, restart: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # as above
        await self._tell(op="signal", id=self.name, signal="TERM")

    async def cleanup(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002  # as above
        """End what is left; Jupyter removes the connection file and the sockets itself."""
        if self.running and not restart:
            await self.kill()
            self.running = False
        if not restart:
            self.sockets.close()

    def address(self, channel: str) -> str:
        """Where ZeroMQ connects to, by the kernel's channel."""
        return self.sockets.address(PORTS[f"{channel}_port"])

    def resolve_path(self, path_str: str) -> str | None:  # noqa: ARG002  # Jupyter's signature
        """Nothing: the stock answer looks for the path on this, the trusted side."""
        return None

    async def _ask(self, **request: str | None) -> dict[str, Any]:
        return await launcher_client.ask(socket_folder(), request)

    async def _tell(self, **request: str | None) -> None:
        """As `_ask`, for ending a kernel: there is nothing to end where nobody answers."""
        try:
            await self._ask(**request)
        except TidegateError as error:
            self.log.warning("%s", error)


def socket_folder() -> Path:
    return Path(os.environ["TIDEGATE_SOCKETS"])


def _prefix(folder: Path, name: str) -> str:
    prefix = str(folder / name)
    if len(os.fsencode(f"{prefix}-5")) > LONGEST_SOCKET_PATH:
        raise TidegateError(
            "socket_path_too_long",
            f"The socket folder {folder} has too long a name for unix sockets.",
            "Set TIDEGATE_SOCKETS to a folder with a shorter one.",
        )
    return prefix
