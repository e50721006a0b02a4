"""Between our resources and the manifests the API stores. Pure; used by the store on a cluster."""

from typing import Any, Final

from pydantic import ValidationError

from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.names import namespace_of
from tidegate.cluster.port import Manifest, Ref
from tidegate.model import KINDS, AnyResource, Cohort, Kind, ProjectStatus, TidegateError

ENVELOPE: Final = ("apiVersion", "kind", "spec")


def ref_of(resource: AnyResource) -> Ref:
    """Where it lives: a Cohort in the namespace of its project, all others in none."""
    namespace = namespace_of(resource.spec.project) if isinstance(resource, Cohort) else ""
    return Ref(CUSTOM[Kind(resource.kind)], resource.name, namespace)


def manifest_of(resource: AnyResource) -> Manifest:
    """As it is created. Defaults are written out, so a later default never changes what was approved."""
    ref = ref_of(resource)
    inside = {"namespace": ref.namespace} if ref.namespace else {}
    return {**_plain(resource), "metadata": {"name": resource.name, **inside}}


def spec_of(resource: AnyResource) -> dict[str, Any]:
    spec: dict[str, Any] = _plain(resource)["spec"]
    return spec


def status_of(status: ProjectStatus) -> dict[str, Any]:
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def read(kind: Kind, manifest: Manifest) -> AnyResource:
    """The resource of a manifest.

    Raises:
        TidegateError: ``resource_unreadable`` where the API server let something in that the model does not.
    """
    name = manifest["metadata"]["name"]
    try:
        parts = {key: manifest.get(key) for key in ENVELOPE}
        return KINDS[kind].model_validate({**parts, "metadata": {"name": name}})
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, item["loc"])) for item in error.errors()}))
        raise TidegateError(
            "resource_unreadable",
            f"{kind} {name} stands in the cluster with content that cannot be read: {fields}.",
            "Apply it again with `tidegate apply`, which says what is wrong.",
        ) from error


def read_status(manifest: Manifest) -> ProjectStatus:
    """A project's status; one that cannot be read gives no rights and is written anew by the provisioner."""
    try:
        return ProjectStatus.model_validate(manifest.get("status") or {})
    except ValidationError:
        return ProjectStatus()


def _plain(resource: AnyResource) -> dict[str, Any]:
    return resource.model_dump(mode="json", by_alias=True, exclude_none=True)
