"""How fast a pull is, as ratios within one run: against the `xnat` client's own download, and against the disk's limit.

The limit is reading the same bytes once while taking MD5 and SHA-256 and writing them again. The server is the sample
XNAT in a process of its own; on few cores it is part of what is measured, the same for both clients.
"""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import xnat

from provisioner.adapters.xnat.listing import Credentials
from provisioner.adapters.xnat.source import XnatSource
from tidegate.model import Dataset, utc_now
from tidegate.model.project import Selection

USER, PASSWORD = "bench", "bench"
SMALL, SMALL_BYTES, SMALL_FILES = "SMALL", 130_000, 300
CASES = (("mammograms, 8 files of 10 MB", "CBIS-DDSM", 0), ("300 files of 130 kB", SMALL, 0))
CASES = (*CASES, ("300 files of 130 kB, 20 ms to each answer", SMALL, 20))


@dataclass(frozen=True)
class Figures:
    ours: float
    client: float
    limit: float
    size: int

    def row(self, name: str) -> str:
        rate = self.size / self.ours / 1e6
        return (
            f"pull | {name:42} | {rate:6.0f} MB/s | {self.client / self.ours:5.1f} x the xnat client's own download"
            f" | {self.limit / self.ours:4.2f} of copy + MD5 + SHA-256"
        )


def main() -> None:
    """Print a line a case."""
    with tempfile.TemporaryDirectory() as place:
        data = make_small(Path(place))
        for name, project, latency in CASES:
            with served(Path(place), data, latency) as url:
                print(measure(url, project, Path(place)).row(name), flush=True)


def make_small(place: Path) -> Path:
    folder = place / "data" / SMALL
    folder.mkdir(parents=True)
    for number in range(SMALL_FILES):
        body = os.urandom(SMALL_BYTES - 132)
        (folder / f"{number:05}.dcm").write_bytes(bytes(128) + b"DICM" + body)
    return folder.parent


@contextmanager
def served(place: Path, data: Path, latency: int) -> Iterator[str]:
    """The sample XNAT as its own process, for as long as the block lasts."""
    secret, announce = place / "password", place / f"announce-{latency}-{time.monotonic_ns()}"
    secret.write_text(PASSWORD)
    argv = [sys.executable, "-m", "sample_xnat", "--user", USER, "--password-file", str(secret)]
    argv += ["--announce", str(announce), "--data", str(data), "--latency-ms", str(latency)]
    running = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        while not announce.exists() and running.poll() is None:
            time.sleep(0.02)
        yield announce.read_text().strip()
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()


def measure(url: str, project: str, place: Path) -> Figures:
    with tempfile.TemporaryDirectory(dir=place) as work:
        folder = Path(work)
        ours = timed(lambda: pull(url, project, folder))
        files = [p for p in (folder / "vault").rglob("*") if p.is_file()]
        client = timed(lambda: client_download(url, project, folder / "client"))
        limit = timed(lambda: copy_and_hash(files, folder / "copy"))
        return Figures(ours, client, limit, sum(p.stat().st_size for p in files))


def timed(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def pull(url: str, project: str, place: Path) -> None:
    """Our whole job: log in, list, fetch, verify, hash, sync, journal."""
    source = XnatSource(lambda _server: Credentials(USER, PASSWORD))
    plan = source.plan(dataset(url, project), Selection())
    source.pull(plan, place / "pull", place / "vault", lambda _progress: None, utc_now())


def client_download(url: str, project: str, target: Path) -> None:
    """The client's whole job, file by file as its documentation shows; it verifies MD5 and syncs nothing."""
    target.mkdir()
    with xnat.connect(url, user=USER, password=PASSWORD, loglevel="CRITICAL") as session:
        for experiment in session.projects[project].experiments.values():
            for scan in experiment.scans.values():
                for resource in scan.resources.values():
                    for file in resource.files.values():
                        file.download(str(target / f"{experiment.id}-{file.name}"), verbose=False)


def copy_and_hash(files: list[Path], target: Path) -> None:
    target.mkdir()
    for file in files:
        md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        with file.open("rb") as source, (target / file.name).open("wb") as out:
            while chunk := source.read(1024 * 1024):
                md5.update(chunk)
                sha256.update(chunk)
                out.write(chunk)


def dataset(url: str, project: str) -> Dataset:
    spec = {"title": "b", "custodian": "b", "tier": 0, "licence": {"name": "b"}}
    return Dataset.model_validate(
        {"kind": "Dataset", "metadata": {"name": "bench"}, "spec": spec | {"xnat": {"server": url, "project": project}}}
    )


if __name__ == "__main__":
    main()
