"""What things are called on a cluster: namespaces, labels, claims, ports. Pure; used by every service that meets there.

A person's subject may hold characters or a length that Kubernetes refuses, so a name made from it ends in a part of its
SHA-256, and two people never share one.
"""

import hashlib
import re
from typing import Final

from tidegate.model import PersonRef

PROJECT_LABEL: Final = "tidegate.dev/project"
ROLE_LABEL: Final = "tidegate.dev/role"
PERSON_LABEL: Final = "tidegate.dev/person"
PERSON_ANNOTATION: Final = "tidegate.dev/person-subject"
MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "tidegate"}

WORKSPACE: Final = "workspace"
SESSION_PORT: Final = 8888
HUB_PORT: Final = 8081
EGRESS_PORT: Final = 8003
# Of review too, but for the provisioner alone.
RETENTION_PORT: Final = 8004
SHARED_CLAIM: Final = "shared"
NAMESPACE_PREFIX: Final = "tg-"
SLUG_LENGTH: Final = 24
HASH_LENGTH: Final = 8
# The group an impersonated officer comes in; RBAC gives it the right to create Approvals.
OFFICERS_GROUP: Final = "tidegate:officers"


def namespace_of(project: str) -> str:
    return NAMESPACE_PREFIX + project


def person_key(person: PersonRef) -> str:
    """A label value and part of a name: readable where it can be, distinct always."""
    slug = re.sub(r"[^a-z0-9-]+", "-", person.subject.lower())[:SLUG_LENGTH].strip("-")
    digest = hashlib.sha256(f"{person.issuer}\n{person.subject}".encode()).hexdigest()[:HASH_LENGTH]
    return f"{slug}-{digest}" if slug else digest


def username_of(person: PersonRef) -> str:
    """Who the API server sees where a service impersonates a person; admission compares it with `spec.by`."""
    return f"tidegate:{person.issuer}:{person.subject}"


def home_claim(person: PersonRef) -> str:
    return f"home-{person_key(person)}"


def cohort_claim(version: int, *, read_only: bool) -> str:
    """The volume a cohort is made on, and the claim under which it comes back read-only."""
    return f"cohort-v{version}" + ("-ro" if read_only else "")


def cohort_view(project: str, version: int) -> str:
    """Where on that volume the sealed view lies: the `subPath` a workspace mounts; records beside it stay unseen."""
    return f"cohorts/{project}/v{version}"


def workspace_pod(person: PersonRef) -> str:
    return f"workspace-{person_key(person)}"
