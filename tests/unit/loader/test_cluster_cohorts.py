"""Cohorts on a cluster in memory: each look goes one step, whatever was killed, refused or taken away in between."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import model_kit
from cluster_project_kit import CHANGING
from cohort_kit import NOW, Bench, FolderSource, source_of
from fake_cluster import FakeCluster, ended, waiting
from provisioner.adapters.embedded.xnat_secrets import XnatSecrets
from provisioner.adapters.kubernetes.cohorts import ClusterParts, KubernetesCohorts
from provisioner.adapters.kubernetes.cohorts.files import LoaderFiles
from provisioner.adapters.kubernetes.cohorts.given import NOTHING, Given
from provisioner.adapters.kubernetes.cohorts.jobs import Jobs
from provisioner.adapters.kubernetes.cohorts.objects import CohortSettings
from provisioner.adapters.kubernetes.cohorts.volumes import Volumes
from provisioner.adapters.kubernetes.kinds import CLAIM, VOLUME
from provisioner.adapters.xnat.listing import Credentials
from provisioner.domain.loading import Order, Stage
from provisioner.loader import work as wiring
from provisioner.ports import UnderWay
from render_kit import cluster_settings
from tidegate.cluster.port import Ref
from tidegate.ledger import Record
from tidegate.model import Dataset, Step, TidegateError
from tidegate.model.status import CohortStatus

SPACE = "tg-breast-density"
LEFT = ("PersistentVolume", "PersistentVolume", "PersistentVolumeClaim", "PersistentVolumeClaim")
NAMED = "http://xnat.example.test:8080"


@dataclass
class Site:
    """One project's cohort, and controllers that live for one look."""

    root: Path
    source: FolderSource
    wrap: Callable[[Any], Any] = lambda api: api
    volume_mib: int = 512
    now: datetime = NOW
    steps: list[Step] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    datasets: tuple[Dataset, ...] = field(default_factory=lambda: (model_kit.dataset(),))
    issued: list[str] = field(default_factory=list)
    live: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.fake = FakeCluster(self.root / "cluster")

    def cohorts(self) -> KubernetesCohorts:
        cluster, settings = cluster_settings(), CohortSettings(volume_mib=self.volume_mib)
        api = self.wrap(self.fake)
        parts = ClusterParts(
            project_of=lambda _: model_kit.project(),
            licence_of=model_kit.licence,
            given_for=self.given_for,
            vault=False,
            record=lambda record, _: self.records.append(record),
            clock=lambda: self.now,
        )
        jobs = Jobs(api, cluster, settings, lambda _host: ("198.51.100.7", "198.51.100.3"), self.take_back)
        return KubernetesCohorts(jobs, Volumes(api, cluster, settings), settings, parts)

    def given_for(self, stage: Stage, _order: Order) -> Given:
        """A token of its own for each pull."""
        if stage is not Stage.PULL:
            return NOTHING
        alias = f"alias-{len(self.issued)}"
        self.issued.append(alias)
        self.live.add(alias)
        return Given({"xnat-127.0.0.1.json": b'{"password": "hunter2"}'}, {NAMED: alias})

    def take_back(self, tokens: Mapping[str, str]) -> None:
        self.live -= set(tokens.values())

    def look(self) -> CohortStatus | None:
        try:
            return self.cohorts().ensure(model_kit.project(), self.datasets, 1, self.now, self.steps.append)
        except UnderWay:
            return None

    def ensure(self, looks: int = 40) -> CohortStatus:
        for _ in range(looks):
            if (status := self.look()) is not None:
                return status
            self.fake.tick()
        pytest.fail(f"not sealed after {looks} looks")

    def verify(self, status: CohortStatus) -> None:
        for _ in range(5):
            try:
                return self.cohorts().verify_view(status)
            except UnderWay:
                self.fake.tick()
        return pytest.fail("not verified")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path, source_of())
    monkeypatch.setattr(wiring, "XnatSource", lambda _credentials: made.source)
    return made


def code_of(look: Callable[[], object]) -> str:
    with pytest.raises(TidegateError) as raised:
        look()
    assert raised.value.sentence
    return raised.value.code


def test_it_seals_what_one_machine_seals_and_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    status = site.ensure()
    bench = Bench(tmp_path / "one-machine", site.source)
    assert status.manifest_sha256 == bench.ensure().manifest_sha256
    assert status.path == "cohorts/breast-density/v1"
    assert site.fake.ran == ["pull", "gate", "seal"]
    assert site.fake.kinds() == LEFT
    assert [r.detail for r in site.records] == [r.detail for r in bench.records]


def test_a_sealed_cohort_is_answered_from_its_claim_without_a_job_or_a_write(site: Site) -> None:
    status = site.ensure()
    before = dict(site.fake.objects)
    assert site.look() == status
    assert site.cohorts().stands(status)
    assert site.cohorts().looks_whole(status)
    site.cohorts().verify_view(status)
    assert site.fake.objects == before


@pytest.mark.parametrize("after", [False, True], ids=["before it lands", "after it landed"])
def test_a_kill_at_any_write_converges_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    """A controller that dies, or is told 500 of a write that did land, at each write there is, one after another."""
    source = source_of()
    monkeypatch.setattr(wiring, "XnatSource", lambda _credentials: source)
    expected = Site(tmp_path / "unbroken", source).ensure().manifest_sha256
    for at in range(1, 60):
        fuse = Fuse(at, after=after)
        site = Site(tmp_path / f"{at}", source, wrap=fuse.round)
        while True:
            try:
                status = site.ensure()
                break
            except Killed:
                site.fake.tick()
        assert status.manifest_sha256 == expected
        assert site.fake.kinds() == LEFT, at
        if fuse.left > 0:
            return
    pytest.fail("there were more writes than that")


class Killed(Exception):  # noqa: N818 - a kill
    """The end of a controller."""


@dataclass
class Fuse:
    left: int
    after: bool

    def round(self, api: Any) -> Any:
        return Fused(api, self)

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@dataclass
class Fused:
    api: Any
    fuse: Fuse

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.api, name)
        if name not in CHANGING:
            return real

        def call(*args: Any, **named: Any) -> Any:
            if not self.fuse.after:
                self.fuse.burn()
            result = real(*args, **named)
            if self.fuse.after:
                self.fuse.burn()
            return result

        return call


OBSTACLES = {
    "ErrImagePull": (waiting("ErrImagePull"), "IMAGE_NOT_PULLED"),
    "ImagePullBackOff": (waiting("ImagePullBackOff"), "IMAGE_NOT_PULLED"),
    "InvalidImageName": (waiting("InvalidImageName"), "IMAGE_NOT_PULLED"),
    "CreateContainerConfigError": (waiting("CreateContainerConfigError"), "LOADER_NOT_STARTED"),
    "killed for memory": (ended(137, "", reason="OOMKilled"), "LOADER_OUT_OF_MEMORY"),
    "killed": (ended(137, ""), "LOADER_DIED"),
    "a traceback": (ended(1, "Traceback (most recent call last):"), "LOADER_DIED"),
    "the probe": (ended(1, '{"ok": false}', name="probe"), "ISOLATION_UNPROVED"),
    "the deadline": ({"phase": "Failed", "reason": "DeadlineExceeded"}, "LOADER_TIMED_OUT"),
    "its own word": (ended(1, '{"code": "XNAT_LOGIN_REFUSED", "sentence": "No.", "fix": ""}'), "XNAT_LOGIN_REFUSED"),
}


@pytest.mark.parametrize("case", OBSTACLES)
def test_whatever_keeps_a_job_from_its_end_has_a_code_and_is_tried_anew(site: Site, case: str) -> None:
    pod, code = OBSTACLES[case]
    site.fake.outcome = lambda _job: pod
    site.look()
    site.fake.tick()
    assert code_of(site.look) == code
    assert "Job" not in site.fake.kinds()
    assert "Secret" not in site.fake.kinds()
    site.fake.outcome = lambda _job: None
    assert site.ensure().files == 3


def test_a_job_without_a_pod_is_explained_by_its_events(site: Site) -> None:
    site.fake.holds_back = lambda _job: True
    site.look()
    (job,) = [m for (kind, _, _), m in site.fake.objects.items() if kind == "Job"]
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e1", "namespace": SPACE},
        "involvedObject": {"uid": job["metadata"]["uid"]},
        "reason": "FailedCreate",
        "message": "pods is forbidden: exceeded quota: project, requested: pods=1",
    }
    site.fake.objects["Event", SPACE, "e1"] = event
    assert code_of(site.look) == "QUOTA_EXCEEDED"
    assert "Job" not in site.fake.kinds()


def test_a_pod_that_no_node_takes_is_said_after_a_while_and_waits_on(site: Site) -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    site.fake.outcome = lambda _job: {"phase": "Pending", "conditions": [condition]}
    site.look()
    site.fake.tick()
    pod = site.fake.objects["Pod", SPACE, "loader-pull-v1"]
    pod["metadata"]["creationTimestamp"] = NOW.isoformat()
    assert site.look() is None
    site.now = NOW + timedelta(minutes=1)
    assert code_of(site.look) == "LOADER_NOT_SCHEDULED"
    assert "Job" in site.fake.kinds(), "it may still be taken"


def test_a_volume_that_cannot_grow_is_made_anew_while_nothing_is_sealed(site: Site) -> None:
    site.volume_mib = 64
    site.source.add(b"\0" * 20_000_000)
    assert code_of(site.ensure) == "COHORT_TOO_LARGE"
    site.volume_mib = 512
    assert site.ensure().files == 3


def test_a_spoiled_copy_is_made_again_to_the_same_digest(site: Site) -> None:
    status = site.ensure()
    image = next((site.fake.volume("cohort-v1", SPACE) / status.path).rglob("*.dcm"))
    image.chmod(0o600)
    image.write_bytes(b"another image")
    site.now = NOW + timedelta(days=2)
    assert code_of(lambda: site.verify(status)) == "COHORT_TAMPERED"
    site.cohorts().discard_view(status)
    assert not site.cohorts().stands(status)
    again = site.ensure()
    assert again.manifest_sha256 == status.manifest_sha256
    site.verify(again)


def test_a_hash_holds_for_a_day_and_over_a_restart(site: Site) -> None:
    status = site.ensure()
    site.now = NOW + timedelta(hours=23)
    site.cohorts().verify_view(status)
    site.now = NOW + timedelta(hours=25)
    with pytest.raises(UnderWay):
        site.cohorts().verify_view(status)
    site.verify(status)
    assert site.fake.ran[-1] == "verify"
    site.cohorts().verify_view(status)


SWAPS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another place": lambda spec: spec.update(local={"path": "/elsewhere"}),
    "another claim": lambda spec: spec["claimRef"].update(uid="other"),
    "another mode": lambda spec: spec.update(accessModes=["ReadWriteMany"]),
    "another rule": lambda spec: spec.update(persistentVolumeReclaimPolicy="Delete"),
    "another kind of volume": lambda spec: spec.update(nfs={"server": "198.51.100.9", "path": "/"}),
}


@pytest.mark.parametrize("swap", SWAPS)
def test_a_volume_that_is_not_the_one_that_was_made_is_no_copy(site: Site, swap: str) -> None:
    status = site.ensure()
    volume = site.fake.objects["PersistentVolume", "", f"{SPACE}-cohort-v1-ro"]
    SWAPS[swap](volume["spec"])
    assert not site.cohorts().looks_whole(status)
    assert code_of(lambda: site.cohorts().verify_view(status)) == "COHORT_TAMPERED"
    site.cohorts().discard_view(status)
    assert site.cohorts().looks_whole(site.ensure())


def test_a_claim_taken_away_is_made_again_from_the_sealed_volume(site: Site) -> None:
    status = site.ensure()
    site.fake.delete(Ref(CLAIM, "cohort-v1-ro", SPACE))
    site.fake.objects["PersistentVolume", "", f"{SPACE}-cohort-v1-ro"]["status"] = {"phase": "Released"}
    assert not site.cohorts().stands(status)
    fetched = len(site.source.fetched)
    assert site.ensure().manifest_sha256 == status.manifest_sha256
    assert len(site.source.fetched) == fetched, "nothing was pulled again"


def test_what_changed_after_the_seal_needs_its_own_version(site: Site) -> None:
    site.ensure()
    site.datasets = (model_kit.dataset(title="Other words"),)
    assert code_of(site.look) == "COHORT_CHANGED"


def test_halting_ends_the_job_and_its_secret_and_a_later_look_goes_on(site: Site) -> None:
    site.look()
    assert {"Job", "Secret"} <= set(site.fake.kinds())
    assert site.cohorts().halt("breast-density")
    assert not {"Job", "Secret", "Pod"} & set(site.fake.kinds())
    assert site.ensure().files == 3


def test_a_job_of_another_order_or_image_is_not_taken_over(site: Site) -> None:
    site.look()
    (job,) = [m for (kind, _, _), m in site.fake.objects.items() if kind == "Job"]
    job["metadata"]["annotations"]["tidegate.dev/order"] = "another"
    site.look()
    (fresh,) = [m for (kind, _, _), m in site.fake.objects.items() if kind == "Job"]
    assert fresh["metadata"]["uid"] != job["metadata"]["uid"]


def test_no_job_but_the_pull_is_given_a_secret_a_probe_or_a_name(site: Site) -> None:
    site.datasets = (model_kit.dataset(xnat={"server": NAMED, "project": "CBIS-DDSM"}),)
    seen: dict[str, dict[str, Any]] = {}

    def keep(job: dict[str, Any]) -> None:
        seen[job["metadata"]["labels"]["tidegate.dev/stage"]] = job["spec"]["template"]["spec"]

    site.fake.outcome = keep
    site.ensure()
    assert set(seen) == {"pull", "gate", "seal"}
    for stage, spec in seen.items():
        pulls = stage == "pull"
        assert bool([v for v in spec["volumes"] if "secret" in v]) == pulls
        assert [c["name"] for c in spec["initContainers"]] == (["probe"] if pulls else [])
        assert bool(spec["hostAliases"]) == pulls
        assert not spec["automountServiceAccountToken"]
        assert "hunter2" not in str(spec)
    assert seen["pull"]["hostAliases"] == [{"ip": "198.51.100.3", "hostnames": ["xnat.example.test"]}]


# Alias tokens: the account of an XNAT server never leaves the provisioner.


def test_a_token_lives_as_long_as_its_job(site: Site) -> None:
    site.look()
    assert site.live == {"alias-0"}
    site.ensure()
    assert site.issued == ["alias-0"]
    assert site.live == set(), "taken back when the pull was over"


def test_a_controller_that_starts_anew_takes_back_what_the_last_one_gave(site: Site) -> None:
    """What a job was given stands with the job; its secret is nowhere but in the job's Secret."""
    site.look()
    (job,) = [m for (kind, _, _), m in site.fake.objects.items() if kind == "Job"]
    assert job["metadata"]["annotations"]["tidegate.dev/xnat-tokens"] == '{"http://xnat.example.test:8080": "alias-0"}'
    assert site.cohorts().halt("breast-density")
    assert site.live == set()


def test_a_job_that_could_not_be_made_leaves_no_token(site: Site) -> None:
    class Full:
        def __init__(self, api: Any) -> None:
            self._api = api

        def __getattr__(self, name: str) -> Any:
            return getattr(self._api, name)

        def create(self, resource: Any, manifest: Any) -> Any:
            if resource.kind == "Job":
                raise TidegateError("cluster_denied", "exceeded quota: project")
            return self._api.create(resource, manifest)

    site.wrap = Full
    code_of(site.look)
    assert len(site.issued) == 1
    assert site.live == set()


@dataclass
class Archive:
    """Gives out tokens, and may refuse one server."""

    refuses: str = ""
    live: dict[str, str] = field(default_factory=dict)
    accounts: set[Credentials] = field(default_factory=set)

    def issue(self, server: str, account: Credentials) -> Credentials:
        self.accounts.add(account)
        if server == self.refuses:
            raise TidegateError("XNAT_UNREACHABLE", "It is away.")
        self.live[f"alias of {server}"] = server
        return Credentials(f"alias of {server}", "hunter2")

    def take_back(self, server: str, account: Credentials, alias: str) -> None:
        self.accounts.add(account)
        if server == self.refuses:
            raise TidegateError("XNAT_UNREACHABLE", "It is away.")
        assert self.live.pop(alias) == server


def pulling(*servers: str) -> Order:
    datasets = tuple(
        model_kit.dataset(name=f"d{n}", xnat={"server": server, "project": "CBIS-DDSM"})
        for n, server in enumerate(servers)
    )
    return Order(project=model_kit.project(), datasets=datasets, version=1, now=NOW)


@pytest.fixture
def account(tmp_path: Path) -> Path:
    folder = tmp_path / "xnat" / "xnat.example.test"
    folder.mkdir(parents=True)
    (folder / "username").write_text("puller\n")
    (folder / "password").write_text("correct horse\n")
    return tmp_path


OTHER = "https://xnat.example.test"


def test_a_pull_gets_a_token_a_server_and_never_the_account(account: Path) -> None:
    archive = Archive()
    told = LoaderFiles(account, None, archive)
    given = told.given_for(Stage.PULL, pulling(NAMED, OTHER, NAMED))
    assert given.files == {
        "xnat-xnat.example.test-8080.json": f'{{"user": "alias of {NAMED}", "password": "hunter2"}}'.encode(),
        "xnat-xnat.example.test.json": f'{{"user": "alias of {OTHER}", "password": "hunter2"}}'.encode(),
    }
    assert given.tokens == {NAMED: f"alias of {NAMED}", OTHER: f"alias of {OTHER}"}
    assert archive.accounts == {Credentials("puller", "correct horse")}
    assert "hunter2" not in repr(given)
    told.take_back(given.tokens)
    assert archive.live == {}
    for stage in (Stage.GATE, Stage.SEAL, Stage.VERIFY, Stage.VAULT):
        assert told.given_for(stage, pulling(NAMED)) == NOTHING
    assert not told.keeps()


def test_the_loader_finds_its_token_by_the_servers_address(account: Path, tmp_path: Path) -> None:
    given = LoaderFiles(account, None, Archive()).given_for(Stage.PULL, pulling(NAMED, OTHER))
    for name, content in given.files.items():
        (tmp_path / name).write_bytes(content)
    for server in (NAMED, OTHER):
        assert XnatSecrets(tmp_path).credentials(server).user == f"alias of {server}"


def test_without_an_account_or_with_an_archive_away_no_token_is_left(account: Path) -> None:
    archive = Archive(refuses=NAMED)
    told = LoaderFiles(account, None, archive)
    assert code_of(lambda: told.given_for(Stage.PULL, pulling("http://a.example"))) == "XNAT_NO_ACCOUNT"
    assert code_of(lambda: told.given_for(Stage.PULL, pulling(NAMED, OTHER))) == "XNAT_UNREACHABLE"
    assert archive.live == {}
    told.take_back({NAMED: "any", "http://a.example": "any"})  # it is away, and nothing waits for it


def test_volumes_are_the_only_thing_the_closing_must_find_by_label(site: Site) -> None:
    site.ensure()
    own = {"tidegate.dev/project": "breast-density"}
    assert [v["metadata"]["name"] for v in site.fake.list(VOLUME, labels=own)] == [f"{SPACE}-cohort-v1-ro"]
