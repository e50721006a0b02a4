"""The store of a cluster: resources in the Kubernetes API, ledger and local accounts in PostgreSQL. Wirings make it.

A write has no transaction with its record here, so an intent is committed first and closed with what came of it. A
group of writes is rehearsed before the first of them; what a crash leaves open is settled by `settle`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.names import OFFICERS_GROUP, username_of
from tidegate.cluster.port import Manifest, Ref, StoreApi
from tidegate.ledger import Entry, Event, Record
from tidegate.ledger.verify import Row
from tidegate.model import AnyResource, Approval, Kind, ProjectStatus, TidegateError
from tidegate.store.manifests import manifest_of, read, read_status, ref_of, spec_of, status_of
from tidegate.store.port import IMMUTABLE, Account, immutable
from tidegate.store.postgres import Intent, PostgresAccounts, PostgresLedger
from tidegate.store.reads import DirectReads, Reads
from tidegate.store.writes import Write, ended, from_text, intent_of, to_text

SPEC: Final = "spec"
STATUS: Final = "status"
# Longer than any write of a process that still lives can take.
IN_FLIGHT: Final = timedelta(minutes=3)


class KubernetesStore:
    """A `ResourceStore`, and a register for governance.

    Args:
        api: the cluster. An Approval is always written by impersonation of the officer in `spec.by`.
        ledger: the chain of this service.
        reads: how to read; `WatchedReads` for a service, and by default the API itself for a command.
        accounts: local accounts; by default those of the ledger's database.
        fence: the `leaseTransitions` of the Lease under which this process writes, where it holds one.
        writes_as: the user to impersonate, as an officer, for all other writes; empty writes as this process itself.
    """

    def __init__(
        self,
        api: StoreApi,
        ledger: PostgresLedger,
        reads: Reads | None = None,
        *,
        accounts: PostgresAccounts | None = None,
        fence: Callable[[], int | None] | None = None,
        writes_as: str = "",
    ) -> None:
        self._api = api
        self._ledger = ledger
        self._reads: Reads = reads or DirectReads(api)
        self._accounts = accounts or PostgresAccounts(ledger)
        self._fence = fence or (lambda: None)
        self._writes_as = writes_as

    def get(self, kind: Kind, name: str) -> AnyResource | None:
        return self._reads.get(kind, name)

    def list(self, kind: Kind) -> tuple[AnyResource, ...]:
        return self._reads.list(kind)

    def project_status(self, name: str) -> ProjectStatus:
        return self._reads.project_status(name)

    def generation(self) -> int:
        return self._reads.generation()

    def put(self, resource: AnyResource, record: Record, now: datetime) -> bool:
        (changed,) = self.put_all([(resource, record)], now)
        return changed

    def put_all(self, writes: Sequence[tuple[AnyResource, Record]], now: datetime) -> tuple[bool, ...]:
        """All or, where the API server refuses any of them in a rehearsal, none; True for each that changed something.

        Raises:
            TidegateError: ``resource_immutable``; or as `ClusterApi`: after ``cluster_unavailable`` it is not known
                what landed, and `settle` finds out.
        """
        planned = [self._planned(resource, record) for resource, record in writes]
        group = [write for write in planned if write is not None]
        if len(group) > 1:
            for write in group:
                self._send(write, rehearsal=True)
        if group:
            self._carry_out(group, now)
        return tuple(write is not None for write in planned)

    def put_project_status(self, name: str, status: ProjectStatus, record: Record, now: datetime) -> bool:
        """Raises ``project_unknown`` where there is no such project any more."""
        live = self._api.get(Ref(CUSTOM[Kind.PROJECT], name))
        if live is None:
            raise TidegateError("project_unknown", f"There is no project named {name}.")
        if read_status(live) == status and STATUS in live:
            return False
        write = Write(Kind.PROJECT, {**live, STATUS: status_of(status)}, STATUS, _version(live), record)
        self._carry_out([write], now)
        return True

    def append(self, record: Record, now: datetime) -> None:
        self._ledger.append(record, now, self._fence())

    def account(self, subject: str) -> Account | None:
        return self._accounts.account(subject)

    def accounts(self) -> tuple[Account, ...]:
        return self._accounts.accounts()

    def put_account(self, account: Account, record: Record, now: datetime) -> None:
        self._accounts.put_account(account, record, now)

    def chains(self) -> tuple[str, ...]:
        return self._ledger.chains()

    def entries(self, chain: str) -> tuple[Entry, ...]:
        return self._ledger.entries(chain)

    def rows(self) -> dict[str, tuple[Row, ...]]:
        """The ledger's rows by chain, unread, for `verify`."""
        return self._ledger.rows()

    def settle(self, now: datetime, older_than: timedelta = IN_FLIGHT) -> int:
        """Close the open intents of this chain; how many there were. Called at a start and from time to time.

        What landed is recorded as done, and the rest of its group is written now, in the same name. A group of which
        nothing landed lapses: a loop decides it again by itself, and a person was told that it failed.
        """
        due = [
            intent
            for intent in self._ledger.open_intents()
            if intent.entry.record.event is Event.STORE_WRITE_INTENDED and intent.entry.at <= now - older_than
        ]
        for intent in due:
            self._settle(intent, now)
        return len(due)

    def _planned(self, resource: AnyResource, record: Record) -> Write | None:
        """What to write, decided on the state in the API itself; None where it stands so."""
        kind, live = Kind(resource.kind), self._api.get(ref_of(resource))
        if live is None:
            return Write(kind, manifest_of(resource), SPEC, "", record, self._user(resource))
        if _stands(kind, live, resource):
            return None
        if kind in IMMUTABLE:
            raise immutable(resource)
        changed = {**live, SPEC: spec_of(resource)}
        return Write(kind, changed, SPEC, _version(live), record, self._user(resource))

    def _carry_out(self, group: Sequence[Write], now: datetime) -> None:
        intent = self._ledger.intend(intent_of(group), now, to_text(group), self._fence())
        done: list[Record] = []
        for write in group:
            try:
                self._send(write)
            except TidegateError as error:
                if error.code != "cluster_unavailable":
                    refused = ended(write, Event.STORE_WRITE_REFUSED, intent.entry.seq, error.code)
                    self._ledger.close(intent, [*done, refused], now)
                raise
            done.append(write.record)
        self._ledger.close(intent, done, now)

    def _send(self, write: Write, *, rehearsal: bool = False) -> None:
        api = self._api.impersonating(write.user, OFFICERS_GROUP) if write.user else self._api
        if rehearsal:
            api = api.rehearsing()
        resource = CUSTOM[write.kind]
        if write.base:
            subresource = STATUS if write.part == STATUS else ""
            stored = api.replace(resource, write.manifest, subresource=subresource)
        else:
            stored = api.create(resource, write.manifest)
        if not rehearsal:
            self._reads.saw(write.kind, stored)

    def _user(self, resource: AnyResource) -> str:
        """An Approval is its officer's own act, whoever runs this process."""
        return username_of(resource.spec.by) if isinstance(resource, Approval) else self._writes_as

    def _settle(self, intent: Intent, now: datetime) -> None:
        writes = from_text(intent.body)
        live = {write.name: self._api.get(write.ref) for write in writes}
        landed = {write.name for write in writes if _landed(write, live[write.name])}
        records = []
        for write in writes:
            if write.name in landed or (landed and self._finished(write, live[write.name])):
                records.append(write.record)
            else:
                records.append(ended(write, Event.STORE_WRITE_LAPSED, intent.entry.seq, "not found as it was to be"))
        self._ledger.close(intent, records, now)

    def _finished(self, write: Write, live: Manifest | None) -> bool:
        """Write what a crash left out, where nothing else happened to it since."""
        if _version(live) != write.base:
            return False
        try:
            self._send(write)
        except TidegateError as error:
            if error.code == "cluster_unavailable":
                raise
            return False
        return True


def _version(manifest: Manifest | None) -> str:
    return str(manifest["metadata"]["resourceVersion"]) if manifest else ""


def _stands(kind: Kind, live: Manifest, resource: AnyResource) -> bool:
    try:
        return read(kind, live) == resource
    except TidegateError:
        return False


def _landed(write: Write, live: Manifest | None) -> bool:
    if live is None:
        return False
    if write.part == STATUS:
        return read_status(live) == read_status(write.manifest)
    return _stands(write.kind, live, read(write.kind, write.manifest))
