"""A number that makes no sense is unknown, and costs its item nothing else.

Users write sizes as they like (`50G`), oned counts sums down below 0 until `onedb fsck`, and what VMs may be
allocated is below 0 where more is reserved than there is.
"""

from collections.abc import Mapping

import pytest

from stratoscope.clouds.address_pools import Pool
from stratoscope.clouds.model import Backend, Host
from stratoscope.clouds.opennebula.client.items import root
from stratoscope.clouds.opennebula.migrations import history
from support.opennebula import asked, changed
from support.replayed_oned import recorded

ODD = ("50G", "-1", "nan", "1e999", "1e302", "9" * 400, "$SIZE")
VM = """<VM_POOL><VM><ID>7</ID><UID>2</UID><GID>100</GID><UNAME>alice</UNAME><GNAME>dev</GNAME>
<NAME>web</NAME><STATE>3</STATE><LCM_STATE>3</LCM_STATE><STIME>1795300000</STIME><TEMPLATE>{}</TEMPLATE>
</VM></VM_POOL>"""
DISK = "<DISK><DISK_ID>0</DISK_ID><SIZE>{}</SIZE></DISK>"


async def host(*replacements: tuple[str, str]) -> Host:
    """The host `dummy-a1`, of 8 CPUs, in a pool where something is replaced."""
    found = await asked("hosts", changed("hostpool.info", *replacements))
    assert (len(found.hosts), found.malformed) == (7, 0)
    (one,) = (one for one in found.hosts if one.host == "dummy-a1")
    assert isinstance(one, Host)
    return one


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("template", "sizes"), [
    ("<MEMORY>{}</MEMORY>", (1, None, 0)),
    ("<MEMORY>64</MEMORY><VCPU>{}</VCPU>", (None, 64 << 20, 0)),
    ("<MEMORY>64</MEMORY>" + DISK, (1, 64 << 20, None)),
])  # fmt: skip
async def test_a_vm_lacks_the_size_that_makes_no_sense_alone(
    template: str, sizes: tuple[int | None, int | None, int | None], odd: str
) -> None:
    found = await asked("vms", {"vmpool.info": VM.format(template.format(odd))})
    assert (found.by_state["RUNNING"], found.malformed, found.is_complete) == (1, 0, True)
    one, sums = found.vms["7"], found.by_project["100"]
    assert (one.vcpus, one.memory, one.disk) == sizes
    assert (sums.vms, sums.vcpus, sums.memory, sums.disk) == (1, *sizes)


@pytest.mark.parametrize("odd", ODD)
async def test_a_vm_shown_by_itself_lacks_the_odd_number_alone(odd: str) -> None:
    template = f"<CPU>{odd}</CPU><VCPU>{odd}</VCPU><MEMORY>64</MEMORY>{DISK.format(odd)}"
    answers = {"vmpool.info": VM.format(template)}
    (one,) = (await asked("each_vm", answers)).objects
    assert (one.cpus, one.vcpus, one.memory, one.disks) == (None, None, 64 << 20, 1)
    (disk,) = (await asked("each_disk", answers)).objects
    assert (disk.disk_id, disk.size) == ("7/0", None)


@pytest.mark.parametrize("odd", ["-1", "nan", ""])
async def test_a_host_whose_usage_makes_no_sense_is_there_without_it(odd: str) -> None:
    found = await host(("<CPU_USAGE>440<", f"<CPU_USAGE>{odd}<"))
    cpu = found.resources["vcpus"]
    assert (found.state, cpu.allocated, cpu.total) == ("MONITORED", None, 8.0)
    assert found.resources["memory"].allocated is not None


async def test_nothing_may_be_allocated_where_more_is_reserved_than_there_is() -> None:
    found = await host(("<MAX_CPU>800</MAX_CPU><RUNNING_VMS>88<", "<MAX_CPU>-200</MAX_CPU><RUNNING_VMS>88<"))
    cpu = found.resources["vcpus"]
    assert (cpu.total, cpu.allocatable, cpu.reserved) == (8.0, 0.0, 8.0)


async def test_a_host_counts_no_vms_below_zero() -> None:
    assert (await host(("<RUNNING_VMS>88<", "<RUNNING_VMS>-1<"))).vms is None


@pytest.mark.parametrize("name", ["TOTAL_MB", "FREE_MB", "USED_MB"])
async def test_a_datastore_lacks_the_odd_number_alone(name: str) -> None:
    value = recorded("datastorepool.info").partition(f"<{name}>")[2].partition("<")[0]
    odd = changed("datastorepool.info", (f"<{name}>{value}<", f"<{name}>-5<"))
    plain, found = await asked("datastores"), await asked("datastores", odd)
    assert (len(found.backends), found.malformed) == (5, 0)
    first: Backend = found.backends[0]
    assert first.images == plain.backends[0].images == 2
    sizes = {"TOTAL_MB": first.total, "FREE_MB": first.free, "USED_MB": first.used}
    assert sizes[name] is None


async def test_a_network_whose_leases_are_below_zero_is_there_without_them() -> None:
    found = await asked("networks", changed("vnpool.info", ("<USED_LEASES>0<", "<USED_LEASES>-1<")))
    pools: list[Pool] = [one for one in found.pools if one.network_name == "net-b"]
    assert {one.used for one in pools if one.subnet_id == "1/0"} <= {None, 0}
    assert (len(found.pools), found.malformed) == (4, 0)


@pytest.mark.parametrize("odd", ODD)
async def test_vms_keep_the_name_of_a_template_whose_size_makes_no_sense(odd: str) -> None:
    before, name, after = recorded("templatepool.info").partition("<NAME>small</NAME>")
    wrong = after.replace("<MEMORY><![CDATA[64]]>", f"<MEMORY><![CDATA[{odd}]]>", 1)
    answers = {"templatepool.info": before + name + wrong}
    assert (await asked("vms", answers)).by_flavor["small"] == 252
    found = await asked("templates", answers)
    assert ("small" in {one.name for one in found.flavors}, found.malformed) == (False, 0)


async def costs(price: str) -> Mapping[str, float]:
    """What the template `small` costs, whose memory has that price."""
    before, name, after = recorded("templatepool.info").partition("<NAME>small</NAME>")
    priced = after.replace("<MEMORY>", f"<MEMORY_COST>{price}</MEMORY_COST><MEMORY>", 1)
    found = await asked("templates", {"templatepool.info": before + name + priced})
    assert found.malformed == 0
    (one,) = (one for one in found.flavors if one.name == "small")
    return one.costs


@pytest.mark.parametrize("odd", [*ODD, "1e308", "1.1e9"])
async def test_a_price_that_makes_no_sense_is_none(odd: str) -> None:
    assert (await costs("0.5"))["memory"] == 32.0
    assert "memory" not in await costs(odd)


async def test_sums_of_the_largest_sizes_are_finite() -> None:
    size = str(1 << 40)  # MiB: 1 EiB
    one = VM.format(f"<MEMORY>{size}</MEMORY>{DISK.format(size)}")
    vms = "".join(one.replace("<ID>7<", f"<ID>{number}<") for number in range(10))
    vms = vms.replace("</VM_POOL><VM_POOL>", "")
    found = (await asked("vms", {"vmpool.info": vms})).by_project["100"]
    assert (found.memory, found.disk) == (10 << 60, 10 << 60)


@pytest.mark.parametrize("odd", ["nan", "1e302", "inf"])
async def test_a_limit_that_makes_no_sense_is_malformed(odd: str) -> None:
    found = await asked("quotas", changed("grouppool.info", ("[40]]></CPU>", f"[{odd}]]></CPU>")))
    assert found.malformed == 1
    assert "100" not in {one.project_id for one in found.quotas}


def test_a_moment_that_is_none_makes_a_history_malformed() -> None:
    record = "<SEQ>0</SEQ><HOSTNAME>a</HOSTNAME><ETIME>0</ETIME><PETIME>0</PETIME><RSTIME>0</RSTIME>"
    record += "<STIME>{}</STIME><ACTION>0</ACTION>"
    vm = f"<VM><ID>7</ID><HISTORY_RECORDS><HISTORY>{record}</HISTORY></HISTORY_RECORDS></VM>"
    assert history(root(vm.format("1795300000")))[0] == "7"
    with pytest.raises(ValueError, match="STIME: not from 0 to"):
        history(root(vm.format("9" * 300)))
