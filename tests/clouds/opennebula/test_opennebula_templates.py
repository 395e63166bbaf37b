"""Templates as flavors, and the room for each."""

import re
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.flavors import Flavor, Room
from stratoscope.clouds.opennebula import templates as module
from stratoscope.clouds.opennebula.client.items import root
from stratoscope.clouds.opennebula.hosts import row
from stratoscope.clouds.opennebula.templates import fitting, free, largest, shown, template, unique
from support.opennebula import PLAIN, asked, changed, cloud_of
from support.replayed_oned import recorded, replayed

SMALL = "<CPU><![CDATA[0.05]]></CPU>"


async def test_a_template_is_a_flavor_with_the_size_of_its_image() -> None:
    found = await asked("templates")
    assert {one.name: one for one in found.flavors} == {
        "small": Flavor("0", "small", 1, 64 << 20, 1 << 30, is_public=True),
        "nodisk": Flavor("1", "nodisk", 1, 64 << 20, 0, is_public=True),
        "huge": Flavor("2", "huge", 1, 1 << 40, 0, is_public=True),
    }


async def test_a_disk_of_an_image_that_is_not_seen_makes_the_size_unknown() -> None:
    (one,) = [
        one
        for one in (
            await asked("templates", changed("templatepool.info", ("[0]]></IMAGE_ID>", "[9]]></IMAGE_ID>")))
        ).flavors
        if one.name == "small"
    ]
    assert one.disk is None


async def test_a_template_that_states_no_size_is_no_flavor() -> None:
    found = await asked("templates", changed("templatepool.info", (SMALL, "")))
    assert ({one.name for one in found.flavors}, found.malformed) == ({"nodisk", "huge"}, 0)


async def test_room_is_what_cpu_and_memory_leave_on_hosts_that_take_vms() -> None:
    found = await asked("room")
    room = {(one.flavor, one.zone): one.vms for one in found.room}
    # 360 + 390 hundredths of a CPU are free in zone-a, in steps of 5: 72 and 78.
    assert room["small", "zone-a"] == 150
    assert (room["small", "zone-b"], room["small", "default"], room["huge", "zone-a"]) == (82, 0, 0)
    assert found.largest["zone-a"] == Room("small", "zone-a", 150, is_upper_bound=False)
    assert "default" not in found.largest


async def test_what_is_reserved_of_a_host_is_no_room() -> None:
    total = "<TOTAL_MEM>16777216</TOTAL_MEM><TOTAL_CPU>800</TOTAL_CPU><MAX_MEM>16777216</MAX_MEM>"
    host = f"<CPU_USAGE>440</CPU_USAGE>{total}<MAX_CPU>"
    found = await asked("room", changed("hostpool.info", (f"{host}800<", f"{host}600<")))
    # 160 instead of 360 hundredths of a CPU are free on dummy-a1, in steps of 5.
    assert {(one.flavor, one.zone): one.vms for one in found.room}["small", "zone-a"] == 32 + 78


def test_a_template_that_needs_nothing_is_no_reason_to_say_that_any_number_fits() -> None:
    sizes = "<CPU>0</CPU><MEMORY>0</MEMORY>"
    one = template(root(_template("1", "web").replace("<TEMPLATE/>", f"<TEMPLATE>{sizes}</TEMPLATE>")))
    hosts = free([row(host) for host in root(recorded("hostpool.info"))])
    assert {room.vms for room in fitting(one, "web", hosts)} == {0}
    assert [room.zone for room in fitting(one, "web", hosts)] == ["default", "zone-a", "zone-b"]


def test_templates_that_others_may_use_come_first_and_then_the_oldest() -> None:
    sizes = "<TEMPLATE><CPU>1</CPU><MEMORY>64</MEMORY></TEMPLATE>"
    public = f"<PERMISSIONS><OTHER_U>1</OTHER_U></PERMISSIONS>{sizes}"
    made = [
        template(root(_template(number, "web").replace("<TEMPLATE/>", rest)))
        for number, rest in (("2", sizes), ("10", public), ("1", sizes), ("9", public))
    ]
    assert [one.template_id for one in shown(made)] == ["9", "10", "1", "2"]


async def test_a_requirement_makes_room_an_upper_bound() -> None:
    wanted = f"{SMALL}<SCHED_REQUIREMENTS>ARCH=x86_64</SCHED_REQUIREMENTS>"
    found = await asked("room", changed("templatepool.info", (SMALL, wanted)))
    bounds = {(one.flavor, one.zone): one.is_upper_bound for one in found.room}
    assert (bounds["small", "zone-a"], bounds["small", "default"], bounds["nodisk", "zone-a"]) == (
        True,
        False,
        False,
    )
    assert found.largest["zone-a"].flavor == "nodisk"


def test_templates_of_the_same_name_are_told_apart() -> None:
    made = [template(root(_template(number, "web"))) for number in ("9", "3", "12")]
    assert unique(made) == {"3": "web", "9": "web (9)", "12": "web (12)"}


def test_no_user_can_give_a_template_the_name_of_another_with_its_id() -> None:
    names = {"3": "web (9)", "4": "web (9) (3)", "5": "web (5)", "6": "web (77)", "8": "web", "9": "web"}
    found = unique([template(root(_template(number, name))) for number, name in names.items()])
    assert found == {
        "3": "web (9) (3)", "4": "web (9) (3) (4)", "5": "web (5)", "6": "web (77)", "8": "web",
        "9": "web (9)",
    }  # fmt: skip


def test_a_template_without_cpu_takes_no_host() -> None:
    made = template(root(_template("1", "web")))
    assert fitting(made, "web", {}) == []
    assert made.memory is None


async def test_a_plain_user_sees_the_templates_that_it_may_use() -> None:
    assert len((await asked("templates", PLAIN)).flavors) == 3


@pytest.mark.parametrize(
    ("cpu", "memory", "fit"), [(100, 2 << 30, 5), (0, 2 << 30, 6), (100, 0, 11), (0, 0, 0), (None, None, 0)]
)
def test_room_is_by_cpu_and_memory_that_are_free(cpu: int | None, memory: int | None, fit: int) -> None:
    one = replace(template(root(_template("1", "web"))), cpu=cpu, memory=memory)
    hosts = {"a": {(350, 8 << 30): 1, (400, 3 << 30): 2, (0, 0): 5}, "b": {}}
    assert [(room.zone, room.vms) for room in fitting(one, "web", hosts)] == [("a", fit), ("b", 0)]


def repeated(method: str, tag: str, number: int) -> dict[str, str]:
    """A pool with the first item that was recorded, under so many ids."""
    _, one, _ = re.split(rf"(<{tag}>.*?</{tag}>)", recorded(method), maxsplit=1, flags=re.DOTALL)
    items = (re.sub(r"<ID>\d+</ID>", f"<ID>{item}</ID>", one, count=1) for item in range(number))
    return {method: f"<POOL>{''.join(items)}</POOL>"}


async def test_many_templates_leave_the_event_loop_to_others() -> None:
    answers = repeated("templatepool.info", "VMTEMPLATE", 500) | repeated("hostpool.info", "HOST", 100)
    began = threading.get_ident()
    threads: set[int] = set()

    def noted(*rooms: Any) -> Any:
        threads.add(threading.get_ident())
        return largest(*rooms)

    with pytest.MonkeyPatch.context() as patch:  # where it is reckoned shows nothing else
        patch.setattr(module, "largest", noted)
        found = await asked("room", answers)
    assert (len(found.room), began in threads, len(threads)) == (500, False, 1)


PRICES = {"CPU_COST": "0.5", "MEMORY_COST": "0.0002", "DISK_COST": "0.00001"}


def priced(**prices: str) -> dict[str, str | bytes]:
    """The template `small`, of 0.05 CPU, 64 MiB and a disk of 1 GiB, with prices."""
    more = "".join(f"<{name}>{price}</{name}>" for name, price in prices.items())
    return {**changed("templatepool.info", (SMALL, SMALL + more))}


async def test_an_hour_costs_what_cpu_memory_and_disks_cost() -> None:
    flavors = {one.name: one for one in (await asked("templates", priced(**PRICES))).flavors}
    assert flavors["small"].costs == pytest.approx(
        {"cpu": 0.05 * 0.5, "memory": 64 * 0.0002, "disk": 1024 * 0.00001}
    )
    assert flavors["huge"].costs == {}


async def test_what_has_no_price_or_no_known_size_costs_nothing_that_is_known() -> None:
    answers = priced(CPU_COST="0", DISK_COST="1") | {"imagepool.info": "<IMAGE_POOL/>"}
    flavors = {one.name: one for one in (await asked("templates", answers)).flavors}
    assert flavors["small"].costs == {"cpu": 0.0}


@pytest.mark.parametrize("wrong", ["-1", "dear", "nan", "inf"])
async def test_a_price_that_makes_no_sense_is_none(wrong: str) -> None:
    found = await asked("templates", priced(CPU_COST=wrong, MEMORY_COST="1"))
    flavors = {one.name: one for one in found.flavors}
    assert (flavors["small"].costs, found.malformed) == ({"memory": 64.0}, 0)


def _template(number: str, name: str) -> str:
    return f"<VMTEMPLATE><ID>{number}</ID><NAME>{name}</NAME><TEMPLATE/></VMTEMPLATE>"


async def test_templates_are_read_once_a_minute_whoever_needs_them() -> None:
    now = 0.0
    async with replayed() as oned:
        cloud = cloud_of(oned, Clock(monotonic=lambda: now))
        for minute in range(3):
            for second, question in ((0, "templates"), (50, "vms"), (55, "room")):
                now = minute * 60.0 + second
                await cloud.ask(question)
        await cloud.close()
    assert oned.calls["templatepool.info"] == 3
