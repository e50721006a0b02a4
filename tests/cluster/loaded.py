"""Our services' image as pods name it, on the node: what tests without a release of the chart start their pods from."""

from cluster.images import is_loaded, load_image
from cluster.places import IMAGES, REGISTRY


def services_image() -> str:
    digest = (IMAGES / "services.digest").read_text(encoding="utf-8").strip()
    name = f"{REGISTRY}/services@{digest}"
    return name if is_loaded(name) else load_image(IMAGES / "services.tar")
