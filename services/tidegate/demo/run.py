"""`tidegate demo`: prepares the stage, starts everything with `up`, walks the job, and stays up unless told not to."""

from tidegate.demo.report import Report
from tidegate.demo.stage import PEOPLE, make_accounts, password_of, sample_xnat, write_objects
from tidegate.demo.walk import Walk
from tidegate.embedded.settings import Settings
from tidegate.embedded.state import only_one, prepare_state
from tidegate.embedded.up import up
from workspace.hub.settings import HubSettings

# Beside the four ports of `up`, far enough away for them to grow.
XNAT_OFFSET = 104


def demo(settings: Settings, *, stay: bool) -> int:
    """Walk the main job on a state folder of its own; a second run goes on where the first ended.

    Raises:
        TidegateError: the first step that did not hold, or what kept it from starting.
    """
    prepare_state(settings.state)
    with only_one(settings.state):
        pass  # Said here, before the sample XNAT would find its port taken by the demo that runs.
    make_accounts(settings.state)
    report = Report()
    with sample_xnat(settings.state, settings.port + XNAT_OFFSET) as xnat:
        report.note(f"Sample XNAT with real DICOM at {xnat}")
        objects = write_objects(settings.state, xnat)

        def walk(hub: HubSettings) -> bool:
            Walk(settings.state, objects, hub.public_url, hub.review_url, report).run()
            report.end()
            if stay:
                _say_where(report, hub)
            return stay

        return up(settings, say=report.note, ready=walk)


def _say_where(report: Report, hub: HubSettings) -> None:
    report.note("")
    report.note(f"Open {hub.public_url}/ and log in. Ctrl-C ends everything.")
    for name, title in PEOPLE.items():
        report.note(f"  {name:6} {password_of(name):22} {title}")
    report.note(f"Review pages: {hub.review_url}/")
