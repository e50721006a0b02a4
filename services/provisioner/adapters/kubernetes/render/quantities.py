"""Quantities as the API server writes them back, so that what was applied compares equal to what stands."""

from typing import Final

STEP: Final = 1024
SUFFIXES: Final = ("Mi", "Gi", "Ti", "Pi")
SCALE: Final = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "Ki": STEP,
    "Mi": STEP**2,
    "Gi": STEP**3,
    "Ti": STEP**4,
    "Pi": STEP**5,
}


def cpu(cores: float) -> str:
    """Whole cores as they are, parts as millicores, rounded up: ``2``, ``1500m``."""
    milli = -int(-cores * 1000 // 1)
    return str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def memory(mib: int) -> str:
    """The largest unit that leaves a whole number: ``512Mi``, ``2Gi``."""
    place = 0
    while mib and mib % STEP == 0 and place < len(SUFFIXES) - 1:
        mib, place = mib // STEP, place + 1
    return f"{mib}{SUFFIXES[place]}" if mib else "0"


def in_bytes(quantity: str) -> int:
    """The size of a claim as the API server writes it."""
    number = quantity.rstrip("kKMGTPi")
    return int(number) * SCALE[quantity[len(number) :]]
