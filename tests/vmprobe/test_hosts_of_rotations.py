"""Lists of hosts for rotations: one that is empty is no silence."""

from collections.abc import Sequence

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.vmprobe.hosts import FRESH_S, Hosts
from support.probe_cloud import ProbeCloud


def warnings(caplog: pytest.LogCaptureFixture) -> Sequence[str]:
    return [one.getMessage() for one in caplog.records]


async def test_that_a_credential_may_see_no_host_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    now, cloud = 0.0, ProbeCloud()
    hosts, lifecycle = Hosts("uni", Clock(monotonic=lambda: now)), cloud.lifecycle("probe")
    cloud.host_names = []
    for _ in range(3):
        assert await hosts.of(lifecycle) == []
        now += FRESH_S
    assert cloud.requests.count("hosts") == 3
    (said,) = warnings(caplog)
    assert said.startswith(
        "host_rotation: no host on which this credential may request VMs, so runs go to any"
    )
    cloud.host_names = ["host-1"]
    assert await hosts.of(lifecycle) == ["host-1"]
    now += FRESH_S
    cloud.host_names = []
    assert await hosts.of(lifecycle) == []
    assert len(warnings(caplog)) == 2
