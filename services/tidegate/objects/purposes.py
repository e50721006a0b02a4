"""Which credential may do what with which bucket: bucket policies, the operator's guide and tests come from this table.

Nobody may end a version, change a bucket's rules or list what another purpose keeps. Whoever may write can also write
over an object, S3 has no other right: so every bucket keeps versions, and readers hash what they read.
"""

from enum import StrEnum
from typing import Any, Final

BUNDLES: Final = "tidegate-bundles"
QUARANTINE: Final = "tidegate-quarantine"
RELEASED: Final = "tidegate-released"
PACKS: Final = "tidegate-packs"
VAULT: Final = "tidegate-vault"
BUCKETS: Final = (BUNDLES, QUARANTINE, RELEASED, PACKS, VAULT)


class Right(StrEnum):
    """FORGET hides an object behind a delete marker; its versions stay."""

    READ = "read"
    WRITE = "write"
    FORGET = "forget"


ALL: Final = frozenset(Right)
READ: Final = frozenset({Right.READ})
READ_AND_WRITE: Final = frozenset({Right.READ, Right.WRITE})
PURPOSES: Final[dict[str, dict[str, frozenset[Right]]]] = {
    "provisioner": {BUNDLES: READ_AND_WRITE, PACKS: READ, VAULT: frozenset({Right.READ, Right.FORGET})},
    "policy": {BUNDLES: READ},
    "loader": {VAULT: READ_AND_WRITE, PACKS: READ_AND_WRITE},
    "egress": {QUARANTINE: ALL, RELEASED: READ, PACKS: READ},
    "egress-worker": {QUARANTINE: ALL, RELEASED: READ_AND_WRITE, PACKS: READ},
}
# What a right is called in S3. `check` asks for the last two, whatever else a purpose may do.
ACTIONS: Final[dict[Right, tuple[str, ...]]] = {
    Right.READ: ("s3:GetObject",),
    Right.WRITE: ("s3:PutObject", "s3:AbortMultipartUpload"),
    Right.FORGET: ("s3:DeleteObject",),
}
OF_THE_BUCKET: Final = ("s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration")
# Denied by name as well, for stores whose own rights are coarser than this table.
NEVER: Final = (
    "s3:DeleteObjectVersion",
    "s3:BypassGovernanceRetention",
    "s3:PutBucketVersioning",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy",
    "s3:DeleteBucket",
)
VERSION: Final = "2012-10-17"
Policy = dict[str, Any]


def bucket_policy(bucket: str, principals: dict[str, str]) -> Policy:
    """The policy of one bucket.

    Args:
        bucket: its name.
        principals: the store's own name for the credential of each purpose, for example an ARN.
    """
    statements = [_denied(bucket, purpose, principals[purpose]) for purpose in PURPOSES]
    allowed = [_allowed(bucket, p, principals[p]) for p in PURPOSES if bucket in PURPOSES[p]]
    return {"Version": VERSION, "Statement": [*allowed, *statements]}


def _allowed(bucket: str, purpose: str, principal: str) -> Policy:
    actions = [action for right in sorted(PURPOSES[purpose][bucket]) for action in ACTIONS[right]]
    return _statement("Allow", bucket, principal, [*actions, *OF_THE_BUCKET])


def _denied(bucket: str, purpose: str, principal: str) -> Policy:
    rights = PURPOSES[purpose].get(bucket, frozenset())
    missing = [action for right in Right if right not in rights for action in ACTIONS[right]]
    return _statement("Deny", bucket, principal, [*missing, "s3:ListBucket", *NEVER])


def _statement(effect: str, bucket: str, principal: str, actions: list[str]) -> Policy:
    return {
        "Effect": effect,
        "Principal": {"AWS": [principal]},
        "Action": actions,
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
