"""Files by their SHA-256: the cohort vault, the egress quarantine and the released files all lie in one of these."""

from tidegate.objects.folder import FolderObjects
from tidegate.objects.port import ObjectStore, Stored

__all__ = ["FolderObjects", "ObjectStore", "Stored"]
