"""OpenNebula's hosts: OFFLINE without VMs is off on purpose; DISABLED, or OFFLINE with VMs, is at risk."""

from collections.abc import Mapping

import pytest

from stratoscope.downtime.database.store import Store
from stratoscope.downtime.hosts_off.collector import HostsOff
from stratoscope.downtime.model import DAY_S, Severity
from support.opennebula import NOW, changed, cloud_of
from support.pages import rendered
from support.replayed_oned import replayed

A1, OFFLINE = (f"<NAME>dummy-a1</NAME><STATE>{state}</STATE>" for state in (2, 8))
RUNNING, POWEROFF = "<STATE>3</STATE><LCM_STATE>3</LCM_STATE>", "<STATE>8</STATE><LCM_STATE>0</LCM_STATE>"


def vms(*states: str) -> dict[str, str | bytes]:
    """The VMs of dummy-a1."""
    found = (f"<VM><ID>{vm_id}</ID>{state}</VM>" for vm_id, state in zip(("8", "11"), states, strict=True))
    return {"vmpool.infoset": f"<VM_POOL>{''.join(found)}</VM_POOL>"}


async def seen(store: Store, answers: Mapping[str, str | bytes]) -> tuple[set[str], dict[str, bool]]:
    """The series of the page, and by host whether its downtime silences."""
    async with replayed(answers) as oned:
        cloud = cloud_of(oned)
        hosts_off = HostsOff(cloud, store, 7 * DAY_S, clock=lambda: NOW)
        page = rendered(hosts_off.samples(await hosts_off.fetch()), hosts_off.families)
        await cloud.close()
    filed = await store.newest("cloud:one", int(NOW))
    assert all(one.silences is (one.severity is Severity.OUTAGE) for one in filed)
    lines = {line for line in page.splitlines() if not line.startswith("#")}
    return lines, {one.title.partition(" ")[0]: one.silences for one in filed}


async def test_a_host_that_is_offline_is_off_and_one_that_is_disabled_is_at_risk(store: Store) -> None:
    lines, silences = await seen(store, {})
    assert lines == {
        'stratoscope_downtime_host_off{cloud="one",host="dummy-off"} 1',
        'stratoscope_downtime_host_at_risk{cloud="one",host="dummy-dsbl"} 1',
    }
    assert silences == {"dummy-off": True, "dummy-dsbl": False}


@pytest.mark.parametrize(
    ("states", "is_off"),
    [((POWEROFF, POWEROFF), True), ((POWEROFF, RUNNING), False)],
    ids=["none_runs", "one_runs"],
)
async def test_an_offline_host_on_which_vms_run_is_at_risk_and_silences_nothing(
    store: Store, states: tuple[str, str], *, is_off: bool
) -> None:
    lines, silences = await seen(store, changed("hostpool.info", (A1, OFFLINE)) | vms(*states))
    what = "off" if is_off else "at_risk"
    assert f'stratoscope_downtime_host_{what}{{cloud="one",host="dummy-a1"}} 1' in lines
    assert silences["dummy-a1"] is is_off


async def test_an_offline_host_whose_last_vm_ends_goes_from_at_risk_to_off(store: Store) -> None:
    answers = changed("hostpool.info", (A1, OFFLINE))
    await seen(store, answers | vms(RUNNING, POWEROFF))
    await seen(store, answers | vms(POWEROFF, POWEROFF))
    ends = {one.external_id: one.end - int(NOW) for one in await store.newest("cloud:one", int(NOW))}
    assert (ends["at risk: dummy-a1"], ends["off: dummy-a1"]) == (0, DAY_S)
