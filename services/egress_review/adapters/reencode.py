"""Runs inside the sandbox, alone: a picture on standard input, the same picture drawn anew on standard output.

Pixels are all that passes: 8 bit, alpha flattened onto white, no chunks, no profiles, no thumbnails. Started by
`adapters.pictures`, and called in a cell by the scan worker of a cluster; imports nothing of ours.

Output: one line of JSON with the lengths of the two parts, then the copy that leaves (same format), then a PNG.
"""

import io
import json
import sys
import warnings
from typing import Final

from PIL import Image

FORMATS: Final = ("PNG", "JPEG")
MOST_PIXELS: Final = 50_000_000
JPEG_QUALITY: Final = 92
BAD_INPUT: Final = 3


def redraw(original: bytes) -> tuple[bytes, bytes]:
    """The copy that leaves, and a PNG of that copy for the browser."""
    with Image.open(io.BytesIO(original), formats=FORMATS) as image:
        if getattr(image, "n_frames", 1) != 1:
            raise ValueError
        kind = image.format or ""
        flat = _flat(image)
    copy = _encoded(flat, kind)
    with Image.open(io.BytesIO(copy), formats=FORMATS) as drawn:
        return copy, copy if kind == "PNG" else _encoded(_flat(drawn), "PNG")


def _flat(image: Image.Image) -> Image.Image:
    grey = image.mode in {"L", "1"}
    with_alpha = image.convert("RGBA")
    canvas = Image.new("RGBA", with_alpha.size, "white")
    canvas.alpha_composite(with_alpha)
    return canvas.convert("L" if grey else "RGB")


def _encoded(image: Image.Image, kind: str) -> bytes:
    # A fresh image holds pixels only, whatever the one it was drawn from carried.
    fresh = Image.frombytes(image.mode, image.size, image.tobytes())
    target = io.BytesIO()
    fresh.save(target, kind, **({"quality": JPEG_QUALITY} if kind == "JPEG" else {"optimize": False}))
    return target.getvalue()


def redrawn(original: bytes) -> bytes:
    """The output for one picture. Raises what the library raises for a bad one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Image.MAX_IMAGE_PIXELS = MOST_PIXELS
        copy, picture = redraw(original)
    return json.dumps([len(copy), len(picture)]).encode() + b"\n" + copy + picture


def main() -> int:
    try:
        output = redrawn(sys.stdin.buffer.read())
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError):
        return BAD_INPUT
    sys.stdout.buffer.write(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
