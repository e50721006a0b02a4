"""Kernel management as the session server does it: no words of a kernel in the models, no unbounded frames."""

from pathlib import Path
from typing import Any, Final

import zmq.asyncio
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import default
from zmq.constants import SocketOption

# A larger frame cuts the kernel's connection; a figure of 6 MB in base64 fits.
MAX_FRAME: Final = 10_000_000
MAX_QUEUED: Final = 32
STATES: Final = frozenset({"busy", "idle", "starting", "restarting", "autorestarting", "dead"})
KERNELSPECS: Final = Path(__file__).parent / "kernels"


class OnlyOurKernelspecs(KernelSpecManager):  # type: ignore[misc] # Jupyter carries no types
    """A kernelspec is a command; the ones shipped beside this file are all there are."""

    @default("kernel_dirs")  # type: ignore[untyped-decorator] # traits carry no types
    def _only_ours(self) -> list[str]:
        return [str(KERNELSPECS)]


class GuardedKernels(AsyncMappingKernelManager):  # type: ignore[misc] # Jupyter carries no types
    @default("context")  # type: ignore[untyped-decorator] # as above
    def _bounded_context(self) -> zmq.asyncio.Context:
        """Every socket to a kernel comes from this context: the browser's, the activity watcher's, the nudges."""
        context: zmq.asyncio.Context = super()._context_default()
        context.setsockopt(SocketOption.MAXMSGSIZE, MAX_FRAME)
        context.setsockopt(SocketOption.RCVHWM, MAX_QUEUED)
        return context

    def kernel_model(self, kernel_id: str) -> dict[str, Any]:
        """Jupyter stores any state a kernel sends and the reason of any failure; neither is repeated here."""
        model: dict[str, Any] = super().kernel_model(kernel_id)
        model.pop("reason", None)
        if model["execution_state"] not in STATES:
            model["execution_state"] = "busy"
        return model

    def cwd_for_path(self, path: str, **kwargs: Any) -> str:  # noqa: ANN401, ARG002 - Jupyter's signature
        """Kernels start in their own home; nothing is looked up on this side for them."""
        return str(self.root_dir)
