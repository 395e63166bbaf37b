"""Pools of the embedded OpenNebula: pages, filters, who sees what; and templates as their text is read."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, fromstring

import pytest

from stratoscope.demo.opennebula.errors import OneError
from stratoscope.demo.opennebula.templates import parse
from support.demo_one import ADMIN, DemoOne, demo_one_in_thread

READER, USER = "reader:demo", "user1:demo"
POOLS = {
    "vmpool.info": (-2, -1, -1, -1), "hostpool.info": (), "clusterpool.info": (), "datastorepool.info": (),
    "imagepool.info": (-2, -1, -1), "vnpool.info": (-2, -1, -1), "templatepool.info": (-2, -1, -1),
    "userpool.info": (), "grouppool.info": (),
}  # fmt: skip


@pytest.fixture(scope="module")
def one() -> Iterator[DemoOne]:
    with demo_one_in_thread(vms=120, hosts=12, projects=10) as found:
        yield found


def shown(one: DemoOne, method: str, *args: object, session: str = ADMIN) -> Element:
    done, text, _ = one.ask(method, *args, session=session)[:3]
    assert done, text
    return fromstring(text)  # noqa: S314 - of our own cloud


def numbers(pool: Element) -> list[int]:
    return [int(item.findtext("ID", "")) for item in pool if item.find("NAME") is not None]


@pytest.mark.parametrize("name", ["vmpool.info", "imagepool.info", "vnpool.info", "templatepool.info"])
def test_pages_make_the_whole_pool(one: DemoOne, name: str) -> None:
    more = POOLS[name][3:]
    whole = numbers(shown(one, name, -2, -1, -1, *more))
    pages = []
    for start in range(0, len(whole) + 7, 7):
        pages += numbers(shown(one, name, -2, start, -7, *more))
    assert pages == whole
    assert len(whole) > 7
    low, high = whole[-3], whole[1]
    assert numbers(shown(one, name, -2, low, high, *more)) == whole[1:-2]
    assert numbers(shown(one, name, -2, low, -1, *more)) == whole[:-2]


def test_set_has_the_vms_that_are_there(one: DemoOne) -> None:
    some = numbers(shown(one, "vmpool.info", -2, 5, -3, -1))
    for is_whole in (True, False):
        found = shown(one, "vmpool.infoset", ",".join(map(str, some)) + ",999999,x", is_whole)
        assert numbers(found) == some
        assert (found[0].find("PERMISSIONS") is not None) == is_whole


def test_administrator_and_who_may_by_a_rule_see_everything(one: DemoOne) -> None:
    for name, args in POOLS.items():
        whole = numbers(shown(one, name, *args))
        assert whole
        assert numbers(shown(one, name, *args, session=READER)) == whole, name


def test_user_sees_what_is_its_own_or_of_all(one: DemoOne) -> None:
    seen = {name: shown(one, name, *args, session=USER) for name, args in POOLS.items()}
    account = next(one for one in one.cloud.directory.accounts.values() if one.name == "user1")
    assert {vm.findtext("UNAME") for vm in seen["vmpool.info"]} == {"user1"}
    assert numbers(seen["userpool.info"]) == [account.number]
    assert numbers(seen["grouppool.info"]) == [account.group.number]
    assert {name for name in ("hostpool.info", "clusterpool.info") if numbers(seen[name])} == set()
    assert {network.findtext("NAME") for network in seen["vnpool.info"]} == {"shared", "astronomy-net"}
    assert "x1.whole" not in {template.findtext("NAME") for template in seen["templatepool.info"]}
    whole = {image.findtext("NAME") for image in shown(one, "imagepool.info", -2, -1, -1)}
    mine = {image.findtext("NAME") for image in seen["imagepool.info"]}
    assert "debian-13" in mine < whole


@pytest.mark.parametrize("method", ["host.info", "cluster.info", "user.info", "group.info"])
def test_user_may_not_look_at_others(one: DemoOne, method: str) -> None:
    answer = one.ask(method, 0, session=USER)
    kind = method.partition(".")[0].upper()
    account = next(one for one in one.cloud.directory.accounts.values() if one.name == "user1")
    text = f"[one.{method}] User [{account.number}] : Not authorized to perform USE {kind} [0]."
    assert answer[:3] == [False, text, 0x200]


def test_filter_chooses_the_callers_own(one: DemoOne) -> None:
    def owners(flag: int, session: str) -> set[str | None]:
        return {vm.findtext("UNAME") for vm in shown(one, "vmpool.info", flag, -1, -1, -1, session=session)}

    assert owners(-3, USER) == {"user1"}
    assert owners(-3, ADMIN) == set()
    assert owners(-2, ADMIN) == owners(-2, READER) > owners(-2, USER)


def test_state_filter_shows_one_state(one: DemoOne) -> None:
    pool = shown(one, "vmpool.info", -2, -1, -1, 8)
    assert {vm.findtext("STATE") for vm in pool} == {"8"}


def test_monitoring_has_the_last_record_of_each(one: DemoOne) -> None:
    for method, args in (("hostpool.monitoring", ()), ("vmpool.monitoring", (-2,))):
        last = shown(one, method, *args, 0)
        ids = {item.findtext("ID") for item in last}
        assert len(last) == len(ids) > 5
        moments = {int(item.findtext("TIMESTAMP", "")) for item in last}
        assert 0 <= one.world.now - max(moments) < 40


def test_cpu_and_counters_are_plausible(one: DemoOne) -> None:
    vms = {vm.serial: vm for vm in one.world.vms}
    records = {int(item.findtext("ID", "")): item for item in shown(one, "vmpool.monitoring", -2, 0)}
    for number, record in records.items():
        assert 0 <= float(record.findtext("CPU", "")) <= 100 * vms[number].flavor.vcpus
        assert 0 <= int(record.findtext("MEMORY", "")) <= vms[number].flavor.memory_mib << 10
    assert any(int(record.findtext("NETRX", "")) for record in records.values())
    for host in shown(one, "hostpool.monitoring", 0):
        has = one.cloud.directory.hosts[int(host.findtext("ID", ""))].has
        assert 0 <= int(host.findtext("CAPACITY/USED_CPU", "")) <= (has.vcpus + has.pcpus) * 100
        assert 0 <= int(host.findtext("CAPACITY/USED_MEMORY", "")) <= has.memory_mib << 10


def test_single_objects_that_are_not_there_have_oneds_words(one: DemoOne) -> None:
    words = {
        "host.info": "host", "cluster.info": "cluster", "datastore.info": "datastore", "image.info": "image",
        "vn.info": "virtual network", "template.info": "virtual machine template", "user.info": "user",
        "group.info": "group", "vm.info": "virtual machine",
    }  # fmt: skip
    for method, what in words.items():
        text = f"[one.{method}] Error getting {what} [12345]."
        assert one.ask(method, 12345) == [False, text, 0x400, 12345, -1]


def test_quotas_of_a_group_are_those_of_its_vms(one: DemoOne) -> None:
    pool = shown(one, "grouppool.info")
    quotas = {item.findtext("ID", ""): item for item in pool.iterfind("QUOTAS")}
    for group in one.cloud.directory.groups.values():
        quota = quotas[str(group.number)].find("VM_QUOTA/VM")
        used = group.project.used["instances"]
        assert used == int("0" if quota is None else quota.findtext("VMS_USED", ""))
        if quota is not None and group.number >= 100:
            limit = group.project.limits["cores"]
            assert quota.findtext("CPU") == str(-2 if limit < 0 else limit)
    limits = {quota.findtext("VM_QUOTA/VM/CPU") for quota in quotas.values()}
    assert "-2" in limits or len(limits) > 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ('CPU = 0.5\nname="a b"', {"CPU": "0.5", "NAME": "a b"}),
        ('A="x \\"y\\" z"', {"A": 'x "y" z'}),
        (
            'DISK=[IMAGE_ID=1]\nDISK = [ IMAGE="a, b", SIZE=2 ]',
            {"DISK": {"IMAGE_ID": "1"}},
        ),
    ],
)
def test_text_of_a_template(text: str, expected: dict[str, object]) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["CPU=[[1", "CPU", "=1", "<TEMPLATE>"])
def test_text_that_is_no_template_is_a_parse_error(text: str) -> None:
    with pytest.raises(OneError, match=r"^Parse error: ") as caught:
        parse(text)
    assert caught.value.code == 0x2000


def test_size_image_and_network_of_a_request_are_what_the_vm_has(one: DemoOne) -> None:
    text = (
        'NAME="odd"\nCPU="0.3"\nVCPU="2"\nMEMORY="100"\nDISK=[IMAGE_ID="0",SIZE="4096"]\nNIC=[NETWORK_ID="1"]'
    )
    done, number, _ = one.ask("vm.allocate", text, True)
    assert done, number
    vm = shown(one, "vm.info", number)
    found = [
        vm.findtext(name)
        for name in (
            "NAME", "TEMPLATE/CPU", "TEMPLATE/VCPU", "TEMPLATE/MEMORY", "TEMPLATE/DISK/IMAGE",
            "TEMPLATE/DISK/SIZE", "TEMPLATE/NIC/NETWORK", "TEMPLATE/TEMPLATE_ID",
        )
    ]  # fmt: skip
    assert found == ["odd", "0.3", "2", "100", "debian-13", "4096", "shared", None]
    assert one.ask("vm.action", "release", number)[0]
    one.after(20.0)
    assert shown(one, "vm.info", number).findtext("LCM_STATE") == "3"
