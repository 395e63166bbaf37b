"""VMs: states, owners, sizes, templates; what makes no sense, and what is no longer there."""

from collections import Counter

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.condition import FaultReason
from stratoscope.clouds.model import VM
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import Found, Publishers
from stratoscope.core.config import Secret
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError
from support.opennebula import NOW, PLAIN, asked, changed, cloud_of
from support.replayed_oned import SESSION, recorded, refused, replayed

ONE = """<VM><ID>7</ID><UID>2</UID><GID>100</GID><UNAME>alice</UNAME><GNAME>dev</GNAME><NAME>web</NAME>
<STATE>{}</STATE><LCM_STATE>{}</LCM_STATE><STIME>1795300000</STIME>{}<HISTORY_RECORDS>{}</HISTORY_RECORDS></VM>"""
SIZED = "<TEMPLATE><MEMORY>64</MEMORY></TEMPLATE>"
PLACED = "<HISTORY><SEQ>{}</SEQ><HOSTNAME>dummy-a1</HOSTNAME><HID>0</HID><CID>100</CID></HISTORY>"


def pool(*vms: str) -> dict[str, str | bytes]:
    return {"vmpool.info": f"<VM_POOL>{''.join(vms)}</VM_POOL>"}


def a_vm(state: int = 3, lcm_state: int = 3, template: str = SIZED, history: str = PLACED.format(0)) -> str:
    return ONE.format(state, lcm_state, template, history)


async def seen(*vms: str) -> VM:
    found = await asked("vms", pool(*vms))
    (one,) = found.vms.values()
    return one


async def test_all_vms_are_counted_by_state_owner_template_and_cluster() -> None:
    found = await asked("vms")
    assert {state: number for state, number in found.by_state.items() if number} == {
        "RUNNING": 167, "UNKNOWN": 78, "HOLD": 3, "PENDING": 2, "STOPPED": 1, "SUSPENDED": 1, "POWEROFF": 1,
        "UNDEPLOYED": 1, "BOOT_FAILURE": 1, "PROLOG_FAILURE": 1,
    }  # fmt: skip
    assert (found.is_whole, found.malformed, len(found.vms)) == (True, 0, 256)
    assert {owner: sums.vms for owner, sums in found.by_project.items()} == {"0": 233, "100": 23}
    assert found.by_flavor == {"small": 252, "huge": 1, "": 3}
    assert found.by_zone == {"zone-a": 170, "zone-b": 79, "": 7}
    assert found.by_host["dummy-b1"] == 78
    assert found.by_fault == {FaultReason.IMAGE: 1, FaultReason.HYPERVISOR: 1}
    assert (found.projects, found.users["2"]) == ({"0": "oneadmin", "100": "dev"}, "alice")


async def test_a_running_vm_has_all_its_facts() -> None:
    found = await asked("vms")
    assert found.vms["259"] == VM(
        vm_id="259", name="admin-4599-199", state="RUNNING", transition="", project_id="0", user_id="0",
        flavor="small", image="0", host="dummy-a1", zone="zone-a", created=1795304663.0, changed=NOW,
        vcpus=1, memory=64 << 20, disk=1 << 30, addresses=1, fault=None,
    )  # fmt: skip


async def test_a_vm_that_is_undeployed_is_on_no_host() -> None:
    found = await asked("vms")
    one = found.vms["54"]
    assert (one.state, one.host, one.zone) == ("UNDEPLOYED", "", "")


@pytest.mark.parametrize(
    ("template", "sizes"),
    [
        ("", (None, None, None)),
        ("<TEMPLATE/>", (None, None, None)),
        ("<TEMPLATE><CPU>1</CPU></TEMPLATE>", (1, None, 0)),
        (f"{SIZED[:-11]}<DISK><DISK_ID>0</DISK_ID></DISK></TEMPLATE>", (1, 64 << 20, None)),
        (f"{SIZED[:-11]}<DISK><SIZE>5</SIZE></DISK><DISK/></TEMPLATE>", (1, 64 << 20, None)),
    ],
    ids=["none", "empty", "no_memory", "disk_without_size", "one_of_two"],
)
async def test_a_vm_lacks_the_size_that_is_not_told_alone(
    template: str, sizes: tuple[int | None, int | None, int | None]
) -> None:
    found = await asked("vms", pool(a_vm(template=template)))
    one, sums = found.vms["7"], found.by_project["100"]
    assert (one.state, one.vcpus, one.memory, one.disk) == ("RUNNING", *sizes)
    assert (sums.vms, sums.vcpus, sums.memory, sums.disk) == (1, *sizes)


async def test_a_vm_without_vcpu_has_one_and_each_address_counts() -> None:
    nic = "<NIC><IP>10.0.0.1</IP><IP6_GLOBAL>2001:db8::1</IP6_GLOBAL></NIC>"
    nics = f"{nic}<NIC_ALIAS><IP>10.0.0.2</IP></NIC_ALIAS>"
    one = await seen(a_vm(template=f"<TEMPLATE><MEMORY>64</MEMORY><VCPU/>{nics}</TEMPLATE>"))
    assert (one.vcpus, one.addresses, one.disk, one.image) == (1, 3, 0, "")


async def test_a_nic_that_is_passed_through_has_its_address_in_an_event_as_in_the_pool() -> None:
    plain, passed = "<NIC><IP>10.0.0.1</IP></NIC>", "<PCI><TYPE>NIC</TYPE><IP>10.0.0.3</IP></PCI>"
    of_gpu = "<PCI><ADDRESS>0000:81:00:0</ADDRESS></PCI>"
    one = await seen(a_vm(template=f"<TEMPLATE><MEMORY>64</MEMORY>{plain}{passed}{of_gpu}</TEMPLATE>"))
    assert one.addresses == 2


@pytest.mark.parametrize(
    ("states", "state", "transition"),
    [((12, 0), "STATE_12", ""), ((3, 72), "LCM_STATE_72", ""), ((3, 4), "MIGRATE", "MIGRATE")],
)
async def test_a_state_that_is_unknown_is_shown_as_it_is(
    states: tuple[int, int], state: str, transition: str
) -> None:
    one = await seen(a_vm(*states))
    assert (one.state, one.transition) == (state, transition)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("<STATE>3</STATE>", "<STATE>x</STATE>"), ("<STATE>3</STATE>", ""), ("<UID>0</UID>", "<UID/>")],
)
async def test_a_vm_that_makes_no_sense_costs_itself_alone(wrong: str, right: str) -> None:
    found = await asked("vms", changed("vmpool.info", (wrong, right)))
    assert (len(found.vms), found.malformed) == (255, 1)


async def test_a_vm_that_is_done_is_not_there() -> None:
    found = await asked("vms", pool(a_vm(6, 0), a_vm().replace("<ID>7<", "<ID>8<")))
    assert [*found.vms] == ["8"]


async def test_a_vm_in_transition_is_so_since_it_was_first_seen_there() -> None:
    now = NOW
    async with replayed(pool(a_vm(3, 3))) as oned:
        cloud = cloud_of(oned, Clock(now=lambda: now))
        await cloud.ask("vms")
        oned.answers |= pool(a_vm(3, 18))
        for later in (60, 120):
            now = NOW + later
            found = await cloud.ask("vms")
            assert found.in_transition == {"SHUTDOWN_POWEROFF": (1, NOW + 60)}
        oned.answers |= pool()
        assert (await cloud.ask("vms")).by_state["SHUTDOWN_POWEROFF"] == 0
        await cloud.close()


@pytest.mark.parametrize(
    ("states", "history", "since"),
    [
        ((1, 0), "", 1795300000.0),
        ((3, 1), PLACED.format(0), 1795300000.0),
        ((3, 2), PLACED.format(3), NOW),
        ((1, 0), PLACED.format(1), NOW),
    ],
    ids=["pending", "first_host", "later_host", "pending_again"],
)
async def test_a_vm_that_is_being_created_is_so_since_it_was_created(
    states: tuple[int, int], history: str, since: float
) -> None:
    assert (await seen(a_vm(*states, history=history))).changed == since


async def test_the_template_of_a_vm_is_read_once() -> None:
    async with replayed() as oned:
        cloud = cloud_of(oned)
        for _ in range(2):
            await cloud.ask("vms")
        await cloud.close()
    # The three that the recorded answer lacks are not asked for again either.
    assert (oned.calls["vmpool.info"], oned.calls["vmpool.infoset"]) == (2, 1)


async def test_a_release_that_does_not_tell_templates_shows_vms_without_flavor() -> None:
    found = await asked("vms", {"vmpool.infoset": refused("unknown_method")})
    assert found.by_flavor == {"": 256}


async def test_templates_that_cannot_be_read_fail_the_first_time_and_are_kept_later() -> None:
    now = 0.0
    failing: dict[str, str | bytes] = {"templatepool.info": refused("dup_host")}
    async with replayed(failing) as oned:
        cloud = cloud_of(oned, Clock(monotonic=lambda: now))
        with pytest.raises(CollectError, match="templatepool"):
            await cloud.ask("vms")
        del oned.answers["templatepool.info"]
        await cloud.ask("vms")
        now += 1000
        oned.answers |= failing
        assert (await cloud.ask("vms")).by_flavor["small"] == 252
        await cloud.close()


async def test_an_empty_pool_is_believed_from_oneadmin_alone() -> None:
    found = await asked("vms", pool())
    assert (found.vms, found.is_whole) == ({}, True)
    with pytest.raises(LeftOutError) as caught:
        await asked("vms", PLAIN)
    assert caught.value.reason is LeftOut.UNAUTHORIZED


async def test_a_partial_view_says_so() -> None:
    found = await asked("vms", PLAIN | {"vmpool.info": recorded("vmpool.info")})
    assert found.is_whole is False


async def test_a_name_with_markup_is_shown_as_it_is() -> None:
    one = await seen(a_vm().replace("<NAME>web</NAME>", "<NAME>a &lt;b&gt; &amp;amp; c</NAME>"))
    assert one.name == "a <b> &amp; c"


async def test_all_states_add_up() -> None:
    found = await asked("vms")
    assert sum(found.by_condition.values()) == sum(Counter(found.by_state).values()) == 256


@pytest.mark.parametrize(("second", "is_complete"), [("", True), ("<VM><ID>8</ID></VM>", False)])
async def test_vms_are_complete_unless_one_is_malformed(second: str, *, is_complete: bool) -> None:
    found = await asked("vms", pool(a_vm(), second))
    assert (found.vms.keys(), found.is_complete) == ({"7"}, is_complete)


async def test_an_id_that_is_given_again_is_another_vm() -> None:
    """After oned's database was restored from a backup."""
    now = NOW

    def of_template(number: str) -> str:
        told = f"<TEMPLATE><TEMPLATE_ID>{number}</TEMPLATE_ID></TEMPLATE>"
        return f"<VM_POOL><VM><ID>7</ID>{told}</VM></VM_POOL>"

    async with replayed(pool(a_vm())) as oned:
        oned.answers["vmpool.infoset"] = of_template("0")
        cloud = cloud_of(oned, Clock(now=lambda: now))
        before = (await cloud.ask("vms")).vms["7"]
        now += 600
        oned.answers |= pool(a_vm().replace("<STIME>1795300000<", "<STIME>1795305900<"))
        oned.answers["vmpool.infoset"] = of_template("1")
        after = (await cloud.ask("vms")).vms["7"]
        await cloud.close()
    assert (before.flavor, after.flavor) == ("small", "nodisk")
    assert (after.created, after.changed) == (1795305900.0, now)


def moved(cluster: str) -> dict[str, str]:
    """The pool of hosts, in which dummy-a1, the host 0, is in another cluster than histories say."""
    before, name, after = recorded("hostpool.info").partition("<NAME>dummy-a1</NAME>")
    return {"hostpool.info": before + name + after.replace(">zone-a<", f">{cluster}<", 1)}


async def test_the_zone_of_a_vm_is_the_cluster_in_which_its_host_is_now() -> None:
    """The history keeps the cluster of the moment at which the VM was put there."""
    one = await asked("vms", pool(a_vm()) | moved("zone-b"))
    assert (one.by_zone, one.vms["7"].host) == ({"zone-b": 1}, "dummy-a1")
    assert (await asked("vms", pool(a_vm()) | moved(""))).by_zone == {"": 1}


@pytest.mark.parametrize("hosts", ["<HOST_POOL/>", refused("dup_host")], ids=["unknown", "unreadable"])
async def test_the_zone_of_a_vm_on_an_unknown_host_is_what_its_history_says(hosts: str | bytes) -> None:
    assert (await asked("vms", pool(a_vm()) | {"hostpool.info": hosts})).by_zone == {"zone-a": 1}


async def test_zones_stay_while_hosts_cannot_be_read_and_follow_the_pool_that_others_have_read() -> None:
    now = 0.0
    async with replayed(pool(a_vm()) | moved("zone-b")) as oned:
        cloud = cloud_of(oned, Clock(monotonic=lambda: now))
        await cloud.ask("hosts")
        for later, hosts, zone, calls in (
            (60.0, moved("zone-b")["hostpool.info"], "zone-b", 1),
            (600.0, refused("dup_host"), "zone-b", 2),
            (660.0, moved("zone-a")["hostpool.info"], "zone-a", 3),
        ):
            now, oned.answers["hostpool.info"] = later, hosts
            assert (await cloud.ask("vms")).by_zone == {zone: 1}
            assert oned.calls["hostpool.info"] == calls
        await cloud.close()


async def test_zones_follow_hosts_that_others_have_read_while_events_spare_the_pool() -> None:
    now = 0.0
    async with replayed(pool(a_vm())) as oned:
        publishers = Publishers(urls=["tcp://127.0.0.1:2101"])
        entry = Found("one", endpoint=oned.endpoint, session=Secret(SESSION), events=publishers)
        cloud = OpenNebula(entry, Clock(monotonic=lambda: now, now=lambda: NOW))
        assert cloud.events is not None
        cloud.events.begin()
        assert (await cloud.ask("vms")).by_zone == {"zone-a": 1}
        oned.answers |= moved("zone-b")
        now = 30.0
        assert (await cloud.ask("vms")).by_zone == {"zone-a": 1}
        await cloud.ask("hosts")
        assert (await cloud.ask("vms")).by_zone == {"zone-b": 1}
        await cloud.close()
    assert oned.calls["vmpool.info"] == 1
