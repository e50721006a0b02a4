"""The words every service speaks: resources, decisions, errors. Imported by all, imports nothing of ours."""

from tidegate.model.approval import Approval, ApprovalSpec, Subject, Verdict
from tidegate.model.base import Metadata, Resource, canonical_json, digest_of
from tidegate.model.clock import Instant, to_text, utc_now
from tidegate.model.cohort import Cohort, CohortSpec
from tidegate.model.dataset import Dataset, DatasetSpec, GateRules
from tidegate.model.decision import Decision, Denial, Outcome
from tidegate.model.errors import ExitCode, TidegateError
from tidegate.model.grant import Grant, GrantSpec, Role, Scope
from tidegate.model.kinds import KINDS, AnyResource, Kind, read_resource
from tidegate.model.licence import Licence, LicenceTerms, Permission
from tidegate.model.names import PersonRef
from tidegate.model.profiles import ONE_MACHINE, Profile, offered
from tidegate.model.project import Project, ProjectSpec, Stage
from tidegate.model.status import Condition, ProjectPhase, ProjectStatus, SpawnRight, Step, StepState

__all__ = [
    "KINDS",
    "ONE_MACHINE",
    "AnyResource",
    "Approval",
    "ApprovalSpec",
    "Cohort",
    "CohortSpec",
    "Condition",
    "Dataset",
    "DatasetSpec",
    "Decision",
    "Denial",
    "ExitCode",
    "GateRules",
    "Grant",
    "GrantSpec",
    "Instant",
    "Kind",
    "Licence",
    "LicenceTerms",
    "Metadata",
    "Outcome",
    "Permission",
    "PersonRef",
    "Profile",
    "Project",
    "ProjectPhase",
    "ProjectSpec",
    "ProjectStatus",
    "Resource",
    "Role",
    "Scope",
    "SpawnRight",
    "Stage",
    "Step",
    "StepState",
    "Subject",
    "TidegateError",
    "Verdict",
    "canonical_json",
    "digest_of",
    "offered",
    "read_resource",
    "to_text",
    "utc_now",
]
