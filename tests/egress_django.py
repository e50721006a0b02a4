"""Sets Django up for the egress tests, once in a process, with a migrated database that each test copies."""

import tempfile
from pathlib import Path

from egress_review.bootstrap.environment import Environment
from egress_review.bootstrap.framework import start_django

ORIGIN = "http://review.tidegate.localhost:8000"


def environment(state: Path, **changes: object) -> Environment:
    """The settings of a service on this folder; makes its key."""
    for name in ("secrets", "run"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "secrets" / "egress-key").write_text("0" * 64)
    usual = {
        "port": 0,
        "public_url": ORIGIN,
        "hub_public_url": "http://tidegate.localhost:8000/hub/",
        "hub_api": "http://127.0.0.1:1/hub/api",
        "client_id": "service-egress",
        "client_secret": "secret",
    }
    return Environment(state=state, **{**usual, **changes})  # type: ignore[arg-type]


def _set_up() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="egress-template-"))
    made = environment(folder)
    start_django(made)
    made.migrate()
    return folder / "egress.sqlite"


TEMPLATE = _set_up()
