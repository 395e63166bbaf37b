"""What hosts and VMs use, as their probes measured it last: joined by id, without what is old or done."""

import re
import time
from typing import Any

import pytest
from yarl import URL

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.client.cost import Requests
from stratoscope.clouds.objects import VM
from stratoscope.clouds.opennebula import each
from stratoscope.clouds.usage import HostUsage
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.opennebula import NOW, PLAIN, asked, changed, cloud_of
from support.pages import rendered
from support.replayed_oned import client_of, recorded, refused, replayed

KIB = 1024
CPU = "<ID><![CDATA[46]]></ID><MEMORY><![CDATA[52428]]></MEMORY>"


async def used(answers: dict[str, str | bytes] | None = None) -> dict[str, VM]:
    """The VMs whose use is known, by id."""
    found = await asked("each_vm", answers)
    return {one.vm_id: one for one in found.objects if one.measured is not None}


async def later(question: str, seconds: float) -> Any:
    """The answer so many seconds after the recording."""
    async with replayed() as oned:
        cloud = cloud_of(oned, Clock(now=lambda: NOW + seconds))
        try:
            return await cloud.ask(question)
        finally:
            await cloud.close()


async def test_hosts_have_what_is_in_use_and_one_that_is_off_has_nothing() -> None:
    found = await asked("host_usage")
    hosts = {one.host: one for one in found.hosts}
    assert hosts["dummy-a1"] == HostUsage("dummy-a1", 2.8, 5736110 * KIB, 9720 << 20, 1795305309.0)
    assert hosts["dummy-off"] == HostUsage("dummy-off", None, None, None, 1795305160.0)
    assert hosts.keys() == {"dummy-a1", "dummy-a2", "dummy-b1", "dummy-off", "dummy-dsbl"}
    assert (found.old, found.malformed) == (0, 0)


async def test_what_was_measured_more_than_10_minutes_ago_is_not_shown() -> None:
    found = await later("host_usage", 600 - 10)  # dummy-off was measured 160 s before NOW, dummy-a1 11 s
    assert ({one.host for one in found.hosts}, found.old) == ({"dummy-a2", "dummy-b1", "dummy-dsbl"}, 2)
    assert ((await later("host_usage", 3600)).hosts, (await later("host_usage", 3600)).old) == ((), 5)
    assert all(one.measured is None for one in (await later("each_vm", 3600)).objects)


async def test_a_vm_that_was_measured_10_minutes_ago_has_its_values_and_then_no_longer() -> None:
    # 46 was measured 4 s before NOW.
    for seconds, is_shown in ((596, True), (597, False)):
        found = {one.vm_id: one for one in (await later("each_vm", seconds)).objects}
        assert (found["46"].memory_in_use is not None) is is_shown


async def test_disks_beyond_the_bound_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    number = len((await asked("each_disk")).objects)
    monkeypatch.setattr(each, "MOST", 3)  # 20,000 otherwise
    found = await asked("each_disk")
    assert (len(found.objects), found.beyond) == (3, number - 3)


async def test_a_host_that_was_measured_is_named_by_the_pool_alone() -> None:
    of_more = changed("hostpool.monitoring", ("<ID>4</ID>", "<ID>99</ID>"))
    found = await asked("host_usage", of_more)
    assert "dummy-dsbl" not in {one.host for one in found.hosts}
    assert (len(found.hosts), found.old) == (4, 0)


@pytest.mark.parametrize("wrong", ["-1", "x", "nan", "inf"])
async def test_a_host_whose_use_makes_no_sense_costs_itself_alone(wrong: str) -> None:
    found = await asked("host_usage", changed("hostpool.monitoring", ("[280]", f"[{wrong}]")))
    assert (len(found.hosts), found.malformed) == (4, 1)


async def test_hosts_and_their_services_share_one_reading() -> None:
    async with replayed() as oned:
        cloud = cloud_of(oned)
        for question in ("host_services", "hosts", "host_usage"):
            await cloud.ask(question)
        await cloud.close()
    assert (oned.calls["hostpool.info"], oned.calls["hostpool.monitoring"]) == (1, 1)


async def test_a_release_without_the_call_has_hosts_without_heartbeats_and_vms_without_use() -> None:
    none: dict[str, str | bytes] = dict.fromkeys(
        ("hostpool.monitoring", "vmpool.monitoring"), refused("unknown_method")
    )
    assert {one.heartbeat for one in (await asked("host_services", none)).services} == {None}
    with pytest.raises(LeftOutError) as caught:
        await asked("host_usage", none)
    assert caught.value.reason is LeftOut.ABSENT
    assert len((await asked("each_vm", none)).objects) == 256


async def test_the_use_of_hosts_is_not_read_without_a_right() -> None:
    with pytest.raises(LeftOutError) as caught:
        await asked("host_usage", PLAIN)
    assert caught.value.reason is LeftOut.UNAUTHORIZED


async def test_a_measurement_that_fails_is_said() -> None:
    with pytest.raises(CollectError, match=r"hostpool\.monitoring") as caught:
        await asked("host_usage", {"hostpool.monitoring": refused("dup_host")})
    assert caught.value.reason is Reason.UNAVAILABLE


async def test_active_vms_have_what_they_use_in_base_units() -> None:
    busy = changed("vmpool.monitoring", (CPU, CPU.replace("<ID>", "<CPU>150</CPU><ID>")))
    one = (await used(busy))["46"]
    assert (one.cpus_in_use, one.memory_in_use) == (1.5, 52428 * KIB)
    assert (one.network_received, one.network_transmitted) == (5716, 5366)
    assert (one.disk_read, one.disk_written, one.disk_reads, one.disk_writes) == (838, 964, 566, 350)
    assert one.measured == 1795305316.0


async def test_vms_that_are_done_or_not_active_are_left_out() -> None:
    # 3 and 5 are done, 47, 48 and 262 have not begun, 51 to 54 are powered off, stopped, and so on.
    assert (await used()).keys() == {"6", "46", "49", "50", "57", "158", "257"}


async def test_a_vm_whose_use_makes_no_sense_is_shown_without() -> None:
    wrong = changed("vmpool.monitoring", ("<MEMORY><![CDATA[52428]]>", "<MEMORY><![CDATA[-1]]>"))
    found = await asked("each_vm", wrong)
    assert (len(found.objects), found.malformed) == (256, 1)
    assert "46" not in await used(wrong)


async def test_a_vm_that_is_not_measured_in_part_has_no_such_value() -> None:
    one = (await used(changed("vmpool.monitoring", ("<NETRX><![CDATA[5716]]></NETRX>", ""))))["46"]
    assert (one.network_received, one.network_transmitted) == (None, 5366)
    assert "NETRX" in recorded("vmpool.monitoring")


async def test_a_clock_that_is_off_is_said_where_measurements_are_left_out_for_it() -> None:
    """By the answers' header Date, which is now: what was recorded is as old as the clock is ahead."""
    async with replayed() as oned:
        cloud = cloud_of(oned, Clock(now=lambda: time.time() + 1200.0))
        assert all(one.measured is None for one in (await cloud.ask("each_vm")).objects)
        requests = Requests("one", cloud.budget)
        page = rendered(requests.samples(await requests.fetch()), requests.families)
        await cloud.close()
    (skew,) = re.findall(
        r'^stratoscope_cloud_clock_skew_seconds{cloud="one",service="oned"} (.*)$', page, re.MULTILINE
    )
    assert float(skew) == pytest.approx(-1200.0, abs=30.0)


async def test_the_clock_of_another_server_is_not_that_of_the_cloud() -> None:
    async with replayed() as oned, client_of(oned) as client:
        await client.call("zone.raftstatus", url=URL(oned.endpoint))
        assert client.budget.skew.by_service == {}
        await client.call("zone.raftstatus")
        assert client.budget.skew.by_service.keys() == {"oned"}
