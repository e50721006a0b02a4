"""Debian's Chromium on a whole Tidegate; one site for all browser tests, one clean browser context a person."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

import chromium_kit
from site_kit import Site, site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The main job comes first: it starts from a site on which nothing is registered yet."""
    items.sort(key=lambda item: item.path.name != "test_main_job.py")


@pytest.fixture(scope="session")
def whole_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), approved=False) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with chromium_kit.browser() as found:
        yield found


@pytest.fixture(scope="session")
def person(chromium: Browser, whole_site: Site) -> Iterator[Callable[[str], Page]]:
    with chromium_kit.people(chromium, whole_site.hub) as log_in:
        yield log_in


@pytest.fixture(scope="session")
def picture() -> Callable[[Page, str], None]:
    return chromium_kit.take_picture


@pytest.fixture(scope="session")
def accessible() -> Callable[[Page], None]:
    return chromium_kit.check_accessible
