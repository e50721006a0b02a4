"""Who is asking: local accounts of one machine, and the hub as OAuth provider for our web services."""

from tidegate.identity.accounts import (
    MINIMUM_LENGTH,
    RESERVED_NAMES,
    add_account,
    change_password,
    check_password,
    set_disabled,
)
from tidegate.identity.attempts import Attempts
from tidegate.identity.hub_oauth import HubOAuthSettings, authorize_url, exchange, new_challenge, new_state, whoami

__all__ = [
    "MINIMUM_LENGTH",
    "RESERVED_NAMES",
    "Attempts",
    "HubOAuthSettings",
    "add_account",
    "authorize_url",
    "change_password",
    "check_password",
    "exchange",
    "new_challenge",
    "new_state",
    "set_disabled",
    "whoami",
]
