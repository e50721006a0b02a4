"""Each lock of the gate, taken away: then the very file it stops gets through, so it is this lock that stops it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cohort_kit import NOW, clean_mammogram, planted
from provisioner.adapters.dicom import DicomReader
from provisioner.domain.elements import Walk
from provisioner.domain.gate import judge
from provisioner.domain.gate_list import AllowList, RuleKind, TagRule, base_list

ANYTHING = TagRule(name="anything", vr=(), rule=RuleKind.PATTERN, pattern="(?s).*", vm=99)


def _listing(*tags: str) -> Callable[[], AllowList]:
    def widened() -> AllowList:
        listed = base_list()
        return listed.model_copy(update={"elements": {**listed.elements, **dict.fromkeys(tags, ANYTHING)}})

    return widened


def _meta_listing(tag: str) -> Callable[[], AllowList]:
    def widened() -> AllowList:
        return base_list().model_copy(update={"meta": {**base_list().meta, tag: ANYTHING}})

    return widened


WITHOUT_THE_LIST = {
    "PN patient": _listing("(0010,0010)"),
    "LT patient comments": _listing("(0010,4000)"),
    "CS image type": _listing("(0008,0008)"),
    "private element": _listing("(0021,0010)", "(0021,1001)"),
    "nested twice": _listing("(0054,0220)/(0054,0222)/(0008,0104)"),
    "stranger in a listed sequence": _listing("(0054,0220)/(0008,010F)"),
    "meta source title": _meta_listing("(0002,0016)"),
}
WITHOUT_THE_LOOK: dict[str, Callable[[Walk], Walk]] = {
    "preamble": lambda walk: replace(walk, preamble_zero=True),
    "trailing bytes": lambda walk: replace(walk, trailing=0),
    "overlay": lambda walk: replace(walk, elements=tuple(e for e in walk.elements if e.group != 0x6000)),
}


def _walk(place: str, folder: Path) -> Walk:
    path = folder / "a.dcm"
    path.write_bytes(planted(clean_mammogram(), [place]))
    return DicomReader().walk(path)


@pytest.mark.parametrize("place", WITHOUT_THE_LIST)
def test_the_allow_list_is_what_stops_it(place: str, tmp_path: Path) -> None:
    walk = _walk(place, tmp_path)
    assert judge(walk, WITHOUT_THE_LIST[place](), NOW).passed
    assert not judge(walk, base_list(), NOW).passed


@pytest.mark.parametrize("place", WITHOUT_THE_LOOK)
def test_looking_there_is_what_stops_it(place: str, tmp_path: Path) -> None:
    walk = _walk(place, tmp_path)
    assert judge(WITHOUT_THE_LOOK[place](walk), base_list(), NOW).passed
    assert not judge(walk, base_list(), NOW).passed
