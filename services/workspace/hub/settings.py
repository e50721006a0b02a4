"""What the hub must know about this machine. `tidegate up` writes it to a file; the hub's configuration reads that.

No secret is in it: those are files of their own below `STATE/secrets`.
"""

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from workspace.hub.public import PublicSettings

FILE_VARIABLE: Final = "TIDEGATE_HUB_SETTINGS"
SERVICES: Final = ("provisioner", "egress", "egress-worker", "culler")
Port = Annotated[int, Field(ge=1, le=65535)]


class HubSettings(PublicSettings):
    """Ports are all on `address`, which is loopback unless an operator says otherwise."""

    state: Path
    address: str = "127.0.0.1"
    domain: str = "tidegate.localhost"
    port: Port = 8000
    hub_port: Port = 8001
    proxy_api_port: Port = 8002
    egress_port: Port = 8003
    node: str = "node"
    chp: Path
    workspace_venv: Path
    services: tuple[str, ...] = SERVICES

    @property
    def public_url(self) -> str:
        return f"http://{self.domain}:{self.port}"

    @property
    def hub_api(self) -> str:
        """The hub as services and session servers reach it."""
        return f"http://127.0.0.1:{self.hub_port}/hub/api"

    @property
    def intake_url(self) -> str:
        return f"http://127.0.0.1:{self.egress_port}/intake/v1"

    @property
    def database(self) -> Path:
        return self.state / "tidegate.db"

    @property
    def servers(self) -> Path:
        return self.state / "run" / "servers"

    def secret(self, name: str) -> str:
        """The text of one secret file."""
        return (self.state / "secrets" / name).read_text(encoding="ascii").strip()

    def save(self, path: Path) -> None:
        path.write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "HubSettings":
        return cls.model_validate_json(path.read_text(encoding="utf-8"))
