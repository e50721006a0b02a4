"""What the spawner tells a session server through its environment. Read once, at start, by `app`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tidegate.model import ExitCode, TidegateError

NEEDED: Final = (
    "TIDEGATE_HOME",
    "TIDEGATE_SOCKETS",
    "TIDEGATE_PRIVATE",
    "TIDEGATE_INTAKE",
    "TIDEGATE_DRAWN_CAP",
    "TIDEGATE_PROJECT",
    "TIDEGATE_PUBLIC_ORIGIN",
)


@dataclass(frozen=True)
class SessionSettings:
    home: Path
    sockets: Path
    private: Path
    intake: str
    review_url: str
    drawn_cap: int
    project: str
    public_origin: str
    token: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        missing = [name for name in NEEDED if not environ.get(name)]
        if missing:
            raise _unusable(f"lacks {', '.join(missing)}")
        if not environ["TIDEGATE_DRAWN_CAP"].isdigit():
            raise _unusable("has a TIDEGATE_DRAWN_CAP that is not a whole number of bytes")
        return cls(
            home=Path(environ["TIDEGATE_HOME"]),
            sockets=Path(environ["TIDEGATE_SOCKETS"]),
            private=Path(environ["TIDEGATE_PRIVATE"]),
            intake=environ["TIDEGATE_INTAKE"].rstrip("/"),
            review_url=environ.get("TIDEGATE_REVIEW_URL", ""),
            drawn_cap=int(environ["TIDEGATE_DRAWN_CAP"]),
            project=environ["TIDEGATE_PROJECT"],
            public_origin=environ["TIDEGATE_PUBLIC_ORIGIN"].rstrip("/"),
            token=environ.get("JUPYTERHUB_API_TOKEN", ""),
        )


def _unusable(why: str) -> TidegateError:
    return TidegateError(
        "session_environment",
        f"The session server cannot start: its environment {why}.",
        "Start workspaces through the hub, which sets these values.",
        ExitCode.FAILED,
    )
