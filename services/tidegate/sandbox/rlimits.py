"""What is left for a limit that no control group holds: limits of each process; used by `life` and `short`.

They are weaker. Memory is bounded for each process, not for all together, and CPU not at all. They are set inside the
sandbox, where the count of processes is its own and not that of all the user's others.
"""

from collections.abc import Collection
from dataclasses import replace

from tidegate.sandbox.find import tool
from tidegate.sandbox.spec import Limits, SandboxSpec


def limited(spec: SandboxSpec, held: Collection[str]) -> SandboxSpec:
    """The spec, its program preceded by `prlimit` for what the control groups in `held` leave open."""
    options = [option for name, option in _options(spec.limits).items() if name not in held]
    return replace(spec, argv=(tool("prlimit"), *options, "--", *spec.argv)) if options else spec


def _options(limits: Limits) -> dict[str, str]:
    return {"memory": f"--as={limits.memory_bytes}", "pids": f"--nproc={limits.pids}"}
