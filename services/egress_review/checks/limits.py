"""How much one scan takes on. All of it is policy data; the figures here are what policy starts from."""

from dataclasses import asdict, dataclass
from typing import Any

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class ScanLimits:
    """Byte counts are bytes, times are seconds. `ratio` holds once more than `ratio_from` bytes were unpacked."""

    file_bytes: int = 16 * MEBIBYTE
    rows: int = 5000
    depth: int = 4
    members: int = 10_000
    unpacked_bytes: int = 256 * MEBIBYTE
    ratio: int = 100
    ratio_from: int = MEBIBYTE
    seconds: float = 30.0
    memory_bytes: int = 1024 * MEBIBYTE
    findings: int = 200

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
