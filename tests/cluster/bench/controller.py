"""`python -m cluster.bench.controller FOLDER RATE RESYNC`: the provisioner's own process, started by `plane`.

All of it is the real one but what needs a node or another service: the canary always passes, a cohort stands at once
(the bars are without cohorts), and policy always says yes.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from cluster_project_kit import API_SERVER
from provisioner import __main__ as process
from provisioner.bootstrap_kubernetes import Given, build
from provisioner.controller.health import serve
from provisioner.controller.logs import configure_logs
from provisioner.kubernetes_settings import KubernetesSettings, Secrets
from reconcile_kit import Answers, Probe, Pulls
from render_kit import cluster_settings
from tidegate.cluster.pace import Pace
from tidegate.model import Dataset, Project, Step
from tidegate.model.status import CohortStatus


class Sealed(Pulls):
    """A cohort stands as soon as it is asked for, without a word in between."""

    def ensure(
        self,
        project: Project,
        datasets: Sequence[Dataset],
        version: int,
        now: datetime,
        _progress: Callable[[Step], None],
    ) -> CohortStatus:
        return super().ensure(project, datasets, version, now, lambda _: None)

    def stands(self, _cohort: CohortStatus) -> bool:
        return True


def main(folder: Path, rate: float, resync: float) -> int:
    configure_logs()
    settings = KubernetesSettings(**cluster_settings().model_dump(), resync_seconds=resync)
    ended = threading.Event()
    given = Given(
        policy=Answers(),
        isolation=Probe(),
        cohorts=Sealed(folder),
        pace=Pace(rate),
        api_server=API_SERVER,
        publishes=False,
    )
    service = build(settings, Secrets(folder), ended.set, given)
    server = serve(service.health, port=0)
    (folder / "port").write_text(str(server.server_address[1]))
    stop = process._stopped_by_signal()
    service.run(stop)
    server.shutdown()
    return int(ended.is_set())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
