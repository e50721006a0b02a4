"""The main job as people click through it, for a site on one machine and for one on a cluster alike."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from playwright.sync_api import Locator, Page, expect

if TYPE_CHECKING:
    import subprocess

PROJECT = "breast-density"


class Place(Protocol):
    """A Tidegate to click through. Addresses without a slash at the end."""

    @property
    def project(self) -> str: ...

    @property
    def hub(self) -> str: ...

    @property
    def review(self) -> str: ...

    def cli(self, *arguments: str, officer: bool = False) -> "subprocess.CompletedProcess[str]":
        """The command line on this site, as an operator or as the officer."""
        ...

    def register(self) -> None:
        """The first grants, and the demo's objects as the officer applies them."""
        ...

    def approve(self) -> None:
        """As the officer, and wait until the project is ready."""
        ...


Persons = Callable[[str], Page]
Check = Callable[[Page], None]
Picture = Callable[[Page, str], None]

CELL = """import pathlib, pydicom
paths = sorted(pathlib.Path('/cohort').rglob('*.dcm'))
image = pydicom.dcmread(paths[0])
print(len(paths), 'images of', image.Modality)
%matplotlib inline
import matplotlib.pyplot as plt
plt.figure(figsize=(2, 2.4)); plt.imshow(image.pixel_array[::16, ::16], cmap='gray'); plt.axis('off'); plt.show()
"""
ASK = """import csv
with open('table.csv', 'w', newline='') as file:
    csv.writer(file).writerows([['statistic', 'value'], ['mean share', 0.312], ['spread', 0.041]])
from tidegate_notebook import release
print(release('table.csv', context={'purpose': 'Table 1'}))
"""
TEXTS = {
    "What the files are for": "The first report of the project",
    "Who will see them": "Readers of the report",
    "What one row": "One statistic over the cohort",
    "The smallest count": "No counts of people are shown",
    "What was done against disclosure": "Means only, rounded",
    "The code that made": "The notebook of the test",
}


def the_whole_job(place: Place, person: Persons, accessible: Check, picture: Picture, folder: Path) -> None:
    """An officer approves, Rosa works and asks, Chidi and Cleo vote, Rosa downloads what was reviewed."""
    officer_approves(place, person, accessible, picture)
    address = researcher_asks(place, person, accessible, picture)
    checkers_vote(address, place, person, accessible, picture)
    researcher_downloads(address, person, accessible, picture, folder)
    verified = place.cli("ledger", "verify")
    assert verified.returncode == 0, verified.stderr


def officer_approves(place: Place, person: Persons, accessible: Check, picture: Picture) -> None:
    place.register()
    page = person("gwen")
    expect(page.get_by_role("heading", name="Projects waiting for approval")).to_be_visible()
    expect(page.get_by_text(f"tidegate approve project {place.project}")).to_be_visible()
    accessible(page)
    picture(page, "officer")
    place.approve()
    page.reload()
    expect(page.get_by_role("heading", name="Projects waiting for approval")).to_be_visible()
    expect(page.get_by_text(f"tidegate approve project {place.project}")).to_have_count(0)


def researcher_asks(place: Place, person: Persons, accessible: Check, picture: Picture) -> str:
    page = person("rosa")
    expect(card_of(page, place.project).get_by_text("Ready", exact=True)).to_be_visible()
    accessible(page)
    picture(page, "start-page")
    open_workspace(page, place.project)
    run_cell(page, CELL)
    expect(page.get_by_text("8 images of MG")).to_be_visible(timeout=60_000)
    expect(page.locator(".jp-OutputArea img")).to_be_visible()
    picture(page, "workspace")
    run_cell(page, ASK)
    expect(page.locator(".jp-OutputArea", has_text="/r/").last).to_be_visible(timeout=60_000)
    return confirm(place, person, accessible, picture)


def card_of(page: Page, project: str) -> Locator:
    """Where the start page speaks of one project."""
    return page.locator("section", has=page.locator(f"#project-{project}"))


def open_workspace(page: Page, project: str) -> None:
    card_of(page, project).get_by_role("link", name="Open workspace").click()
    page.wait_for_url(f"**/user/rosa/{project}/lab**", timeout=90_000)
    page.locator(".jp-LauncherCard[data-category='Notebook']").first.click(timeout=60_000)
    page.locator(".jp-Notebook .cm-content").first.wait_for(timeout=60_000)
    kernel_is_idle(page)


def kernel_is_idle(page: Page) -> None:
    expect(page.get_by_text("Python 3 | Idle")).to_be_visible(timeout=60_000)


def run_cell(page: Page, code: str) -> None:
    """Put code into the last cell as a paste, and run it."""
    editor = page.locator(".jp-Notebook .jp-Cell").last.locator(".cm-content")
    editor.click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")


def confirm(place: Place, person: Persons, accessible: Check, picture: Picture) -> str:
    """Under her own login: the draft is complete only once she says so."""
    page = person("rosa")
    page.goto(f"{place.review}/")
    expect(page.get_by_role("heading", name="My releases")).to_be_visible()
    accessible(page)
    page.get_by_role("row").nth(1).get_by_role("link").click()
    expect(page.get_by_role("rowheader", name="table.csv")).to_be_visible()
    accessible(page)
    for label, text in TEXTS.items():
        page.get_by_label(label).fill(text)
    picture(page, "draft")
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_text("The request is submitted")).to_be_visible()
    return page.url.split("?")[0]


def checkers_vote(address: str, place: Place, person: Persons, accessible: Check, picture: Picture) -> None:
    for number, name in enumerate(("chidi", "cleo"), 1):
        page = person(name)
        page.goto(f"{place.review}/queue")
        row = page.get_by_role("row", name=place.project)
        reload_until(page, lambda found=row: found.count() > 0)
        accessible(page)
        row.get_by_role("link").first.click()
        page.get_by_role("button", name="Claim this request").click()
        page.get_by_role("link", name="Look at table.csv").click()
        expect(page.get_by_role("cell", name="mean share")).to_be_visible()
        accessible(page)
        page.goto(address)
        expect(page.get_by_role("heading", name="Reviews and comments")).to_have_count(0)
        page.get_by_label("Approve").check()
        page.get_by_role("button", name="Save my votes").click()
        accessible(page)
        picture(page, f"review-{number}")
        page.get_by_role("button", name="Submit my review").click()
    page.get_by_role("button", name="Approve the release").click()
    reload_until(page, lambda: "Released" in page.inner_text("dl"))


def researcher_downloads(address: str, person: Persons, accessible: Check, picture: Picture, folder: Path) -> None:
    page = person("rosa")
    page.goto(address)
    accessible(page)
    picture(page, "released")
    shown = page.locator("tr", has_text="table.csv").locator("code").inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download table.csv").click()
    waiting.value.save_as(folder / "table.csv")
    assert hashlib.sha256((folder / "table.csv").read_bytes()).hexdigest() == shown


def reload_until(page: Page, so: Callable[[], bool]) -> None:
    """The pages work without scripts, so a person reloads."""
    for _ in range(120):
        if so():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(page.inner_text("main"))
