"""How long from asking for a kernel to its first output, as a ratio to the same kernel without a sandbox."""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from sandbox_kit import KERNEL_ENVIRONMENT, Place, launched, notebook, place

ROUNDS = 5
CELL = "import numpy; print('first output')"
PYTHON = str(KERNEL_ENVIRONMENT / "bin" / "python")
ARGV = ["-Xfrozen_modules=off", "-m", "ipykernel_launcher", "--log-level=ERROR", "-f", "{connection_file}"]
BARE = {
    "argv": [PYTHON, *ARGV],
    "display_name": "bare",
    "language": "python",
}


def inside(where: Place) -> float:
    begun = time.perf_counter()
    with notebook(where) as kernel:
        kernel.cell(CELL)
        return time.perf_counter() - begun


def outside(specs: KernelSpecManager) -> float:
    """The same interpreter and libraries, started by Jupyter itself and spoken to over TCP."""
    begun = time.perf_counter()
    manager = KernelManager(kernel_name="bare", kernel_spec_manager=specs)
    manager.start_kernel()
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        client.execute_interactive(CELL, timeout=60, output_hook=lambda _message: None)
        return time.perf_counter() - begun
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main() -> float:
    """Print and return the ratio; the two are measured in turns, so that a busy machine slows both."""
    with tempfile.TemporaryDirectory() as folder, place() as where, launched(where):
        spec = Path(folder) / "bare" / "kernel.json"
        spec.parent.mkdir()
        spec.write_text(json.dumps(BARE))
        specs = KernelSpecManager(kernel_dirs=[folder], ensure_native_kernel=False)
        # The first of each reads the libraries from disk and is not counted.
        pairs = [(inside(where), outside(specs)) for _ in range(ROUNDS + 1)][1:]
    sandboxed, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = sandboxed / bare
    print(f"kernel start to first output: {sandboxed:.2f} s in the sandbox, {bare:.2f} s without, ratio {ratio:.2f}")
    return ratio


if __name__ == "__main__":
    main()
