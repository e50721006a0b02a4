"""`ports.People` on the store: grants, projects, licences. Reads only; nothing is cached."""

from dataclasses import dataclass

from tidegate.model import Approval, Dataset, Grant, Kind, Licence, PersonRef, Project, Verdict
from tidegate.model.grant import GrantSpec
from tidegate.model.licence import LicenceTerms
from tidegate.store import Store


@dataclass(frozen=True)
class StorePeople:
    store: Store

    def project(self, name: str) -> Project | None:
        found = self.store.get(Kind.PROJECT, name)
        return found if isinstance(found, Project) else None

    def projects(self) -> tuple[Project, ...]:
        return tuple(item for item in self.store.list(Kind.PROJECT) if isinstance(item, Project))

    def grants_of(self, person: PersonRef) -> tuple[GrantSpec, ...]:
        grants = (item.spec for item in self.store.list(Kind.GRANT) if isinstance(item, Grant))
        return tuple(spec for spec in grants if spec.person == person)

    def is_active(self, person: PersonRef) -> bool:
        account = self.store.account(person.subject)
        return account is not None and account.person == person and not account.disabled

    def licences(self, project: Project) -> tuple[LicenceTerms, ...] | None:
        found = [self._licence_of(ref.name) for ref in project.spec.datasets]
        terms = tuple(licence for licence in found if licence is not None)
        return terms if len(terms) == len(found) else None

    def manifest_sha256(self, project: str) -> str:
        cohort = self.store.project_status(project).cohort
        return cohort.manifest_sha256 if cohort else ""

    def _licence_of(self, dataset_name: str) -> LicenceTerms | None:
        dataset = self.store.get(Kind.DATASET, dataset_name)
        if not isinstance(dataset, Dataset):
            return None
        licence = self.store.get(Kind.LICENCE, dataset.spec.licence.name)
        return self._with_extension(licence) if isinstance(licence, Licence) else None

    def _with_extension(self, licence: Licence) -> LicenceTerms:
        """An officer's dated extension moves the end of the term, for exactly this text of the licence."""
        digest = licence.digest()
        approvals = (item.spec for item in self.store.list(Kind.APPROVAL) if isinstance(item, Approval))
        extended = [
            spec.until
            for spec in approvals
            if spec.verdict is Verdict.EXTEND and spec.subject.digest == digest and spec.until is not None
        ]
        term = licence.spec.grant
        if not extended or term.valid_to is None:
            return licence.spec
        longer = term.model_copy(update={"valid_to": max(term.valid_to, *extended)})
        return licence.spec.model_copy(update={"grant": longer})
