"""`tidegate up` and `tidegate demo`: everything on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.session import DEFAULT_STATE, StateOption
from tidegate.embedded.settings import Settings
from tidegate.embedded.up import up

PortOption = Annotated[int, typer.Option("--port", min=1, max=65535, help="Public port of the pages.")]
AddressOption = Annotated[str, typer.Option("--address", help="Address the public port listens on.")]


def up_command(
    state: StateOption = DEFAULT_STATE, port: PortOption = 8000, address: AddressOption = "127.0.0.1"
) -> int:
    """Start everything on this machine and stay until Ctrl-C."""
    return up(Settings(state=state, port=port, address=address))


def demo_command(
    state: StateOption = Path(".demo"),
    port: PortOption = 8000,
    *,
    leave: Annotated[bool, typer.Option("--exit", help="Stop after the walk; exit 0 only if every step held.")] = False,
) -> int:
    """Start everything with sample data, walk the main job as its users would, then stay up."""
    from tidegate.demo.run import demo  # noqa: PLC0415 - the demo's own packages are not in the images of a cluster

    return demo(Settings(state=state, port=port), stay=not leave)
