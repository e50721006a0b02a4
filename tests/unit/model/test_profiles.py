"""What a project may ask to run on, and that asking for the usual changes no digest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_kit import project
from tidegate.model import ONE_MACHINE, Profile, TidegateError, offered, read_resource
from tidegate.model.profiles import Most
from tidegate.model.project import Resources

# Of `model_kit.project()`, as they were before there were profiles.
DIGEST = "805f6e16fd23e16a75baa870df8cc47a77b93dd219b8fca70c90170986bc729f"
CLOSING = "665dcea5b7a75d1ef805fa4c6267d375917e0277045a909565de04633c5edcd1"
GPU = Profile(name="gpu", gpu_resource="nvidia.com/gpu", most=Most(cpus=8, memory_mib=4096, gpus=2))
HERE = (*ONE_MACHINE, GPU)
ASKED = st.builds(Resources, gpu=st.integers(0, 64), profile=st.sampled_from(["standard", "gpu", "large"]))


def test_an_approval_given_before_there_were_profiles_still_binds() -> None:
    assert project().digest() == DIGEST
    assert project().closing_digest() == CLOSING


def test_the_usual_is_the_same_whether_it_is_said_or_not() -> None:
    said = project(resources={"gpu": 0, "profile": "standard"})
    assert said == project()
    assert (said.digest(), said.closing_digest()) == (DIGEST, CLOSING)
    assert not {"gpu", "profile"} & set(said.spec_json()["resources"])


@given(ASKED, ASKED)
def test_two_digests_are_one_only_where_the_same_is_asked_for(one: Resources, other: Resources) -> None:
    digests = [project(resources=asked.model_dump()).digest() for asked in (one, other)]
    assert (digests[0] == digests[1]) is (one == other)


@given(ASKED)
def test_what_is_written_is_read_back(asked: Resources) -> None:
    written = project(resources=asked.model_dump())
    assert read_resource(written.model_dump(mode="json", by_alias=True), "here") == written


@pytest.mark.parametrize(
    ("asked", "code", "sentence"),
    [
        ({"profile": "large"}, "profile_unknown", "There is no profile large here; there is gpu, standard."),
        ({"gpu": 1}, "profile_exceeded", "The profile standard gives a workspace no GPU; "),
        ({"profile": "gpu", "gpu": 3}, "profile_exceeded", "The profile gpu gives a workspace at most 2 GPU; "),
        (
            {"profile": "gpu", "cpus": 9, "memoryMib": 5000},
            "profile_exceeded",
            "The profile gpu gives a workspace at most 8 cores, at most 4096 MiB of memory; ",
        ),
    ],
)
def test_what_is_not_to_be_had_is_refused_with_what_is(asked: dict[str, Any], code: str, sentence: str) -> None:
    with pytest.raises(TidegateError) as refused:
        offered(Resources.model_validate(asked), HERE)
    assert refused.value.code == code
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(("asked", "found"), [({}, "standard"), ({"profile": "gpu", "gpu": 2}, "gpu")])
def test_what_is_there_is_given(asked: dict[str, Any], found: str) -> None:
    assert offered(Resources.model_validate(asked), HERE).name == found


def test_a_bound_on_gpus_means_nothing_where_the_cluster_has_no_name_for_them() -> None:
    nameless = Profile(name="gpu", most=Most(gpus=2))
    with pytest.raises(TidegateError, match="gives a workspace no GPU"):
        offered(Resources(profile="gpu", gpu=1), [nameless])
