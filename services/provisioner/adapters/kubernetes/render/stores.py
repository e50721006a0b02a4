"""Identities without rights for pods to run as, and the volumes that people's work lies on."""

from provisioner.adapters.kubernetes.render.quantities import memory
from provisioner.adapters.kubernetes.render.shape import manifest
from provisioner.adapters.kubernetes.settings import ClusterSettings
from provisioner.domain.facts import Facts
from tidegate.cluster.names import PERSON_LABEL, SHARED_CLAIM, WORKSPACE, home_claim, person_key
from tidegate.cluster.port import Manifest
from tidegate.model import PersonRef

ACCOUNTS = ("default", WORKSPACE, "loader")


def accounts(project: str) -> tuple[Manifest, ...]:
    """No pod of a project can speak to the API: no account here has a right, and none has its token mounted."""
    return tuple(
        manifest("ServiceAccount", name, project, {"automountServiceAccountToken": False}) for name in ACCOUNTS
    )


def claims(facts: Facts, settings: ClusterSettings) -> tuple[Manifest, ...]:
    """One home a person and one shared folder, each as large as the project asked. The hub makes and deletes none."""
    project, size = facts.project.name, facts.project.spec.resources.storage_mib
    shared = claim(project, SHARED_CLAIM, size, settings, access=settings.shared_access)
    return (shared, *(_home(project, person, size, settings) for person in facts.persons))


def _home(project: str, person: PersonRef, mib: int, settings: ClusterSettings) -> Manifest:
    home = claim(project, home_claim(person), mib, settings)
    home["metadata"]["labels"][PERSON_LABEL] = person_key(person)
    return home


def claim(project: str, name: str, mib: int, settings: ClusterSettings, *, access: str = "ReadWriteOnce") -> Manifest:
    """A claim of this size; the loader's volumes are made with it too."""
    spec: Manifest = {
        "accessModes": [access],
        "resources": {"requests": {"storage": memory(mib)}},
        "volumeMode": "Filesystem",
    }
    if settings.storage_class:
        spec["storageClassName"] = settings.storage_class
    return manifest("PersistentVolumeClaim", name, project, {"spec": spec})
