"""Images for the node: the two small ones the cluster itself needs, and loading archives that others have built.

No registry is needed: an archive is imported into containerd under its name and under its digest.
"""

import json
import tarfile
from pathlib import Path
from typing import Final

from cluster.kit import PROBE
from cluster.places import CONTAINERD, HERE, IMAGES, REGISTRY
from cluster.shell import attempt, run

CLANG: Final = "/usr/lib/llvm-19/bin/clang"
PAUSE: Final = f"{REGISTRY}/pause:1"


def load_image(archive: Path) -> str:
    """Import an OCI archive; the answer is how pods name it: ``registry.tidegate.test/NAME@sha256:...``."""
    reference, digest = _named(archive)
    name = reference.rsplit(":", 1)[0]
    ctr("images", "import", "--digests", f"--base-name={name}", "--snapshotter=overlayfs", str(archive))
    return f"{name}@{digest}"


def is_loaded(reference: str) -> bool:
    return reference in ctr("images", "list", "-q").split()


def ctr(*arguments: str) -> str:
    """containerd's own client, in the namespace of names that the kubelet uses."""
    return run("ctr", "--address", str(CONTAINERD), "--namespace", "k8s.io", *arguments)


def forget_all_but(kept: set[str], names: tuple[str, ...]) -> None:
    """Images of those names that nobody needs any more; containerd then frees their room."""
    prefixes = tuple(f"{REGISTRY}/{name}{mark}" for name in names for mark in "@:")
    held = {reference.rsplit("@", 1)[-1] for reference in kept}
    rows = [line.split()[:3] for line in ctr("images", "list").splitlines()[1:]]
    over = {digest for reference, _, digest in rows if reference.startswith(prefixes) and digest not in held}
    # An image is also known by the digest of its configuration; it stays until its last name is gone.
    for reference, _, digest in rows:
        if digest in over:
            ctr("images", "remove", reference)


def forget(container: str) -> None:
    """End a container's task and forget it with its snapshot; its image stays."""
    socket = ("ctr", "--address", str(CONTAINERD), "--namespace", "k8s.io")
    for what in ("tasks", "containers"):
        attempt(*socket, what, "delete", *(("--force",) if what == "tasks" else ()), container)
    attempt(*socket, "snapshots", "remove", container)


def small_images() -> tuple[Path, ...]:
    """Archives of `pause` and of `probe` (busybox), built from `small/` where they are missing."""
    return tuple(_build(name, reference) for name, reference in (("pause", PAUSE), ("probe", PROBE)))


def _build(name: str, reference: str) -> Path:
    archive = IMAGES / f"{name}.tar"
    context = HERE / "small"
    if archive.exists() and archive.stat().st_mtime > max(file.stat().st_mtime for file in context.iterdir()):
        return archive
    IMAGES.mkdir(parents=True, exist_ok=True)
    made = IMAGES / "small"
    made.mkdir(exist_ok=True)
    run(CLANG, "-Os", "-static", "-o", str(made / "pause"), str(context / "pause.c"))
    run("cp", "/bin/busybox", str(made / "busybox"))
    (made / "nsswitch.conf").write_text("hosts: files dns\npasswd: files\nservices: files\n")
    options = ("--isolation=chroot", "--pull=never", "--timestamp=0", f"--target={name}")
    run("buildah", "build", *options, "-t", reference, "-f", str(context / "Containerfile"), str(made))
    archive.unlink(missing_ok=True)
    run("buildah", "push", reference, f"oci-archive:{archive}:{reference}")
    return archive


def _named(archive: Path) -> tuple[str, str]:
    """What the archive's index calls its image, and the digest of that."""
    with tarfile.open(archive) as tar:
        member = tar.extractfile("index.json")
        assert member is not None
        (manifest,) = json.load(member)["manifests"]
    return manifest["annotations"]["org.opencontainers.image.ref.name"], manifest["digest"]
