"""Everything an OpenStack can be asked, as one whole."""

import threading
from collections import Counter
from pathlib import Path

import pytest

from stratoscope.clouds.abilities import Management
from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.core.errors import CollectError
from support.fake_openstack import config, running


def test_its_questions_are_known_without_asking_it() -> None:
    cloud: type[Management] = OpenStack
    questions = cloud.questions
    names = Counter(question.name for question in questions)
    assert names.most_common(1)[0][1] == 1, "two collectors of one name"
    assert {"endpoints", "compute_services", "servers", "hypervisors", "inventories", "flavors"} <= {*names}
    assert {"projects", "network_agents", "volume_services", "images", "addresses"} <= {*names}
    assert all(question.cost and question.role for question in questions)


async def test_each_refresh_is_bounded_by_itself(tmp_path: Path) -> None:
    async with running() as server:
        limits = Limits(requests_per_second=1000, requests_per_refresh=2)
        cloud = OpenStack(config(tmp_path, server.url, limits))
        for _ in range(2):
            server.says("/image/v2/images", *({"images": [], "next": f"?marker={one}"} for one in range(9)))
            with pytest.raises(CollectError, match="requests_per_refresh, 2"):
                await cloud.ask("images")
        assert server.count("GET /image/v2/images") == 4
        await cloud.close()


async def test_closing_a_cloud_that_was_never_asked() -> None:
    before = threading.enumerate()
    cloud = OpenStack(OpenStackCloud(name="uni"))
    await cloud.close()
    assert not {*threading.enumerate()} - {*before}, "threads of other tests may end meanwhile"
    assert not cloud.budget.stats.spent().requests
