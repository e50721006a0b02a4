"""The main job clicked through in Chromium by four people: officer, researcher, two output checkers."""

from pathlib import Path

from job_kit import Check, Persons, Picture, the_whole_job
from site_kit import Site


def test_four_people_take_the_job_from_licence_to_released_file(
    whole_site: Site, person: Persons, accessible: Check, picture: Picture, tmp_path: Path
) -> None:
    the_whole_job(whole_site, person, accessible, picture, tmp_path)
