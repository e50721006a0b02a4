"""Where an object lives in the API. Pure; used by `client`."""

from urllib.parse import quote

from tidegate.cluster.port import Manifest, Ref, Resource


def collection(resource: Resource, namespace: str = "") -> str:
    """The path of all objects of a kind, in one namespace or in all of them."""
    root = "/apis/" if "/" in resource.api_version else "/api/"
    inside = f"/namespaces/{quote(namespace, safe='')}" if namespace and resource.namespaced else ""
    return f"{root}{resource.api_version}{inside}/{resource.plural}"


def item(ref: Ref, subresource: str = "") -> str:
    """The path of one object, or of its subresource."""
    tail = f"/{subresource}" if subresource else ""
    return f"{collection(ref.resource, ref.namespace)}/{quote(ref.name, safe='')}{tail}"


def ref_of(resource: Resource, manifest: Manifest) -> Ref:
    """Which object a manifest speaks of."""
    metadata = manifest["metadata"]
    return Ref(resource, metadata["name"], metadata.get("namespace", "") if resource.namespaced else "")


def name_of(ref: Ref) -> str:
    """As a person reads it, for example ``NetworkPolicy tg-brats/default-deny``."""
    return f"{ref.resource.kind} {f'{ref.namespace}/' if ref.namespace else ''}{ref.name or '*'}"
