"""Where Tidegate runs on this machine and what it listens on. Built by the command line from its options."""

import ipaddress
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import tidegate
from tidegate.model import ExitCode, TidegateError
from workspace.hub.settings import SERVICES, HubSettings

CHP_VARIABLE: Final = "TIDEGATE_CHP"
NODE_VARIABLE: Final = "TIDEGATE_NODE"
WORKSPACE_ENV_VARIABLE: Final = "TIDEGATE_WORKSPACE_ENV"
CHP_IN_PROJECT: Final = Path("node_modules") / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
PROJECT: Final = Path(tidegate.__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """The hub, the proxy's own interface and review take the three ports after `port`."""

    state: Path
    address: str = "127.0.0.1"
    port: int = 8000
    services: tuple[str, ...] = field(default=SERVICES)
    idle_seconds: int = 4 * 3600

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def ports(self) -> dict[str, int]:
        names = ("public address", "hub", "proxy's own interface", "review pages")
        return {name: self.port + offset for offset, name in enumerate(names)}

    def hub(self) -> HubSettings:
        """What the hub is told."""
        public, hub, proxy, egress = self.ports.values()
        return HubSettings(
            state=self.state.resolve(),
            address=self.address,
            port=public,
            hub_port=hub,
            proxy_api_port=proxy,
            egress_port=egress,
            node=find_node(),
            chp=find_chp(),
            workspace_venv=find_workspace_env(),
            services=self.services,
            idle_seconds=self.idle_seconds,
        )


def find_node() -> str:
    found = os.environ.get(NODE_VARIABLE) or shutil.which("node")
    if not found or not Path(found).exists():
        raise _missing("node_missing", "Node.js, which the proxy needs", "Install Node 20 or later", NODE_VARIABLE)
    return found


def find_chp() -> Path:
    return _find(CHP_VARIABLE, CHP_IN_PROJECT, "proxy_missing", "the proxy (configurable-http-proxy)")


def find_workspace_env() -> Path:
    return _find(
        WORKSPACE_ENV_VARIABLE, Path(".venv-workspace"), "workspace_env_missing", "the researchers' environment"
    )


def _find(variable: str, in_project: Path, code: str, what: str) -> Path:
    """Named by the environment, else in the project's folder, else beside the services' own environment."""
    named = os.environ.get(variable)
    places = [Path(named)] if named else [PROJECT / in_project, Path(sys.prefix).parent / in_project]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise _missing(code, what, "Run `make` in the project's folder", variable)
    return found.absolute()


def _missing(code: str, what: str, fix: str, variable: str) -> TidegateError:
    return TidegateError(
        code,
        f"{what[0].upper()}{what[1:]} was not found on this machine.",
        f"{fix}, or say where it is in {variable}.",
        ExitCode.FAILED,
    )
