"""Everything on one machine: `tidegate up` prepares the state folder, starts the hub and its services, ends them."""

from tidegate.embedded.settings import Settings
from tidegate.embedded.state import prepare_state
from tidegate.embedded.up import up

__all__ = ["Settings", "prepare_state", "up"]
