"""Where Tidegate runs on this machine and what it listens on. Built by the command line from its options."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidegate.embedded.tools import find_chp, find_node, find_workspace_env
from tidegate.model import ExitCode, TidegateError
from workspace.hub.settings import SERVICES, HubSettings

PORT_NAMES: Final = ("public pages", "hub", "proxy's own interface", "review service")
LAST_PORT: Final = 65535


@dataclass(frozen=True)
class Settings:
    """The hub, the proxy's own interface and review take the three ports after `port`."""

    state: Path
    address: str = "127.0.0.1"
    port: int = 8000
    services: tuple[str, ...] = SERVICES
    idle_seconds: int = 4 * 3600

    def check(self) -> None:
        """Raise ``address_invalid`` or ``port_invalid``."""
        try:
            ipaddress.ip_address(self.address)
        except ValueError as error:
            raise TidegateError(
                "address_invalid",
                f"{self.address!r} is not an address of this machine.",
                "Give a numeric one, for example 127.0.0.1.",
                ExitCode.USAGE,
            ) from error
        if not 1 <= self.port <= LAST_PORT + 1 - len(PORT_NAMES):
            raise TidegateError(
                "port_invalid",
                f"Port {self.port} leaves no room: Tidegate takes {len(PORT_NAMES)} ports in a row.",
                "Choose one from 1024 to 65000.",
                ExitCode.USAGE,
            )

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def ports(self) -> dict[str, int]:
        return {name: self.port + offset for offset, name in enumerate(PORT_NAMES)}

    def hub(self) -> HubSettings:
        """What the hub is told.

        Raises:
            TidegateError: ``node_missing``, ``proxy_missing`` or ``workspace_env_missing``.
        """
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
