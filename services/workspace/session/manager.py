"""Kernel management as the session server does it: no words of a kernel in the models, no unbounded frames."""

from functools import partial
from pathlib import Path
from typing import Any, Final

import zmq.asyncio
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager, ServerKernelManager
from traitlets import default
from zmq.constants import SocketOption

from workspace.session.cuts import CutWatch
from workspace.session.kernel_sockets import NOWHERE

# A larger frame cuts the kernel's connection; a figure of 6 MB in base64 fits.
MAX_FRAME: Final = 16_000_000
MAX_QUEUED: Final = 16
STATES: Final = frozenset({"busy", "idle", "starting", "restarting", "autorestarting", "dead"})
KERNELSPECS: Final = Path(__file__).parent / "kernels"


class OnlyOurKernelspecs(KernelSpecManager):  # type: ignore[misc] # Jupyter carries no types
    """A kernelspec is a command; the ones shipped beside this file are all there are."""

    @default("kernel_dirs")  # type: ignore[untyped-decorator] # traits carry no types
    def _only_ours(self) -> list[str]:
        return [str(KERNELSPECS)]


class GuardedKernel(ServerKernelManager):  # type: ignore[misc] # Jupyter carries no types
    """Connects to the sockets that the provisioner looked at, not to their names, which a kernel may give to others."""

    def _make_url(self, channel: str) -> str:
        return NOWHERE if self.provisioner is None else str(self.provisioner.address(channel))


class GuardedKernels(AsyncMappingKernelManager):  # type: ignore[misc] # Jupyter carries no types
    @default("kernel_manager_class")  # type: ignore[untyped-decorator] # traits carry no types
    def _default_kernel_manager_class(self) -> str:
        return f"{GuardedKernel.__module__}.{GuardedKernel.__qualname__}"

    @default("context")  # type: ignore[untyped-decorator] # as above
    def _bounded_context(self) -> zmq.asyncio.Context:
        """Every socket to a kernel comes from this context: the browser's, the activity watcher's, the nudges."""
        context: zmq.asyncio.Context = super()._context_default()
        context.setsockopt(SocketOption.MAXMSGSIZE, MAX_FRAME)
        context.setsockopt(SocketOption.RCVHWM, MAX_QUEUED)
        return context

    def start_watching_activity(self, kernel_id: str) -> None:
        """Jupyter's own listener to each kernel: told to listen again when an oversized frame cut it off."""
        super().start_watching_activity(kernel_id)
        kernel = self._kernels[kernel_id]
        kernel.tidegate_watch = CutWatch(kernel._activity_stream, partial(self._watch_again, kernel_id))  # noqa: SLF001

    def _watch_again(self, kernel_id: str) -> None:
        if kernel_id in self._kernels:
            self.stop_watching_activity(kernel_id)
            self.start_watching_activity(kernel_id)
            # The idle state may have been lost with the frame; a cell that still runs says so again.
            self._kernels[kernel_id].execution_state = "idle"

    def stop_watching_activity(self, kernel_id: str) -> None:
        watch = getattr(self._kernels[kernel_id], "tidegate_watch", None)
        if watch is not None:
            watch.close()
        super().stop_watching_activity(kernel_id)

    def kernel_model(self, kernel_id: str) -> dict[str, Any]:
        """Jupyter stores any state a kernel sends and the reason of any failure; neither is repeated here."""
        model: dict[str, Any] = super().kernel_model(kernel_id)
        model.pop("reason", None)
        if model["execution_state"] not in STATES:
            model["execution_state"] = "busy"
        return model

    def cwd_for_path(self, path: str, **kwargs: Any) -> str:  # noqa: ANN401, ARG002 - Jupyter's signature
        """Handed on to the launcher, which finds the folder; nothing is looked up on this side for a kernel."""
        return path
