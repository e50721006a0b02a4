"""The main job clicked through in Chromium by four people, on the cluster."""

import secrets
from pathlib import Path

import pytest

import chromium_kit
from cluster.kit import Cluster
from cluster.people import RESOLVE, ClusterSite
from job_kit import the_whole_job


@pytest.fixture
def whole_site(cluster: Cluster, tmp_path: Path) -> ClusterSite:
    site = ClusterSite(cluster, tmp_path, f"job-{secrets.token_hex(3)}")
    site.prepare()
    return site


@pytest.mark.timeout(900)
def test_four_people_take_the_job_from_licence_to_released_file(whole_site: ClusterSite, tmp_path: Path) -> None:
    with (
        chromium_kit.browser(chromium_kit.CHROMIUM, RESOLVE) as chromium,
        chromium_kit.people(chromium, whole_site.hub) as person,
    ):
        the_whole_job(whole_site, person, chromium_kit.check_accessible, _no_picture, tmp_path)


def _no_picture(_page: object, _name: str) -> None:
    """The pictures of the docs are taken on one machine."""
