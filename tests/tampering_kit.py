"""Ways to spoil a sealed view behind everybody's back, for tests of pipeline, reconciler and hub."""

import os
from pathlib import Path


def open_up(path: Path) -> Path:
    path.parent.chmod(0o755)
    if path.exists() and not path.is_dir():
        path.chmod(0o644)
    return path


def first_image(view: Path) -> Path:
    return min(view.rglob("*.dcm"))


def flip(view: Path) -> None:
    path = open_up(first_image(view))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _swap(view: Path) -> None:
    first, second = sorted(view.rglob("*.dcm"))[:2]
    content = first.read_bytes()
    open_up(first).write_bytes(second.read_bytes())
    open_up(second).write_bytes(content)


def _link(view: Path) -> None:
    path = open_up(first_image(view))
    kept = path.read_bytes()
    path.unlink()
    other = view.parent / "elsewhere"
    other.write_bytes(kept)
    path.symlink_to(other)


TAMPERINGS = {
    "a flipped bit": flip,
    "two files swapped": _swap,
    "a file gone": lambda view: open_up(first_image(view)).unlink(),
    "a file more": lambda view: open_up(first_image(view).with_name("more.dcm")).write_bytes(b"x"),
    "a page changed": lambda view: open_up(view / "ATTRIBUTION.md").write_text("Thanks to nobody."),
    "the manifest cut": lambda view: open_up(view / "manifest.json").write_text("[]"),
    "a link in a file's place": _link,
    "a dangling link": lambda view: open_up(view / "more").symlink_to("/nowhere"),
    "a socket": lambda view: os.mkfifo(open_up(view / "pipe")),
}
