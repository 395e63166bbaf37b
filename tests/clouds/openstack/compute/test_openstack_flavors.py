"""The flavors of a cloud."""

import asyncio
import time

import pytest

from stratoscope.clouds import flavors as vocabulary
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.openstack.compute.flavors import Flavors
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import Answer, FakeApi
from support.openstack_answers import answer

GIB, MIB = 2**30, 2**20


def nova(flavors: Answer) -> FakeApi:
    return FakeApi({("compute", "/flavors/detail"): flavors})


def flavor(name: str, flavor_id: str) -> dict[str, object]:
    return {"id": flavor_id, "name": name, "vcpus": 1, "ram": 512, "disk": 0, "swap": ""}


async def test_recorded_flavors_are_understood_one_and_all() -> None:
    read = await Flavors(nova(answer("flavors"))).read()
    assert (len(read.flavors), read.malformed) == (4, 0)
    small = next(one for one in read.flavors if one.name == "m1.small")
    assert small == vocabulary.Flavor(small.flavor_id, "m1.small", 1, 2048 * MIB, 20 * GIB, is_public=True)


async def test_private_flavors_are_asked_for_which_nova_tells_administrators_and_their_projects() -> None:
    api = nova(answer("flavors"))
    api.be(roles=frozenset({"member"}))
    assert len((await Flavors(api).read()).flavors) == 4
    assert [(call.operation, call.version, dict(call.params)) for call in api.calls] == [
        ("flavors", "2.96", {"limit": "1000", "is_public": "None"})
    ]


async def test_flavor_of_an_old_nova_is_understood() -> None:
    read = await Flavors(nova({"flavors": [flavor("m1", "1")]})).read()
    assert read == vocabulary.Flavors((vocabulary.Flavor("1", "m1", 1, 512 * MIB, 0, is_public=True),))


async def test_flavors_with_one_name_are_told_apart() -> None:
    api = nova({"flavors": [flavor("m1", "a"), flavor("m1", "b"), flavor("m2", "c")]})
    assert [one.name for one in (await Flavors(api).read()).flavors] == ["m1 (a)", "m1 (b)", "m2"]


@pytest.mark.parametrize("bad", [{"vcpus": -1}, {"ram": None}, {"swap": "x"}, {"id": 7}], ids=str)
async def test_flavor_that_makes_no_sense_costs_itself_alone(bad: dict[str, object]) -> None:
    flavors = answer("flavors")
    flavors["flavors"][0] |= bad
    read = await Flavors(nova(flavors)).read()
    assert (len(read.flavors), read.malformed) == (3, 1)


async def test_flavor_whose_extra_specs_make_no_sense_is_one_of_which_they_are_not_known() -> None:
    flavors = answer("flavors")
    flavors["flavors"][0]["extra_specs"] = {"trait:HW": 7}
    listed, malformed = await Flavors(nova(flavors)).listed(0)
    assert (len(listed), listed[0].extra_specs, malformed) == (4, None, 1)


async def test_no_flavors_are_none_whatever_the_role() -> None:
    api = nova({"flavors": []})
    api.be(roles=frozenset({"member"}))
    assert await Flavors(api).read() == vocabulary.Flavors(())


@pytest.mark.parametrize("error", [ForbiddenError("403"), CollectError(Reason.UNAVAILABLE, "503")])
async def test_source_that_refuses_or_is_down_says_so(error: Exception) -> None:
    with pytest.raises(type(error)):
        await Flavors(nova(error)).read()


async def test_flavors_are_read_once_for_all_who_ask_until_they_are_old() -> None:
    api, now = nova(answer("flavors")), [0.0]
    flavors = Flavors(api, Clock(monotonic=lambda: now[0]))
    await asyncio.gather(flavors.read(), flavors.listed(60))
    now[0] = 60.0
    await flavors.listed(60)
    assert len(api.calls) == 1
    now[0] = 61.0
    await flavors.listed(60)
    await flavors.read()
    assert len(api.calls) == 3


def test_question_may_be_asked_by_any_role() -> None:
    (question,) = Flavors.questions()
    assert (question.name, question.answer) == ("flavors", vocabulary.Flavors)
    assert question.cost.startswith("1 for each 1,000 flavors; before Nova 2.61 1 more for each")
    assert question.role.startswith("any")


OLD = {"flavors": [flavor("m1", "1"), flavor("m2", "2"), flavor("m3", "..")]}


async def test_extra_specs_that_an_older_nova_does_not_list_are_read_flavor_by_flavor() -> None:
    DEADLINE.set(time.monotonic() + 25)
    api = nova(OLD)
    api.newest["compute"] = "2.60"
    api.answers["compute", "/flavors/1/os-extra_specs"] = {"extra_specs": {"hw:cpu_policy": "dedicated"}}
    api.answers["compute", "/flavors/2/os-extra_specs"] = ForbiddenError("403")
    listed, _ = await Flavors(api).listed(0)
    assert [one.extra_specs for one in listed] == [{"hw:cpu_policy": "dedicated"}, None, None]


@pytest.mark.parametrize(
    "error",
    [
        ForbiddenError("403"),
        CollectError(Reason.UNAVAILABLE, "503"),
        LeftOutError(LeftOut.UNAUTHORIZED, "refuses (401) a new token"),
    ],
)
async def test_extra_specs_that_cannot_be_read_at_all_cost_no_flavor(error: Exception) -> None:
    DEADLINE.set(time.monotonic() + 25)
    api = nova(OLD)
    api.newest["compute"] = "2.60"
    for one in ("1", "2"):
        api.answers["compute", f"/flavors/{one}/os-extra_specs"] = error
    listed, malformed = await Flavors(api).listed(0)
    assert ([one.extra_specs for one in listed], malformed) == ([None] * 3, 0)


async def test_extra_specs_that_the_policy_hides_are_not_asked_for() -> None:
    api = nova(OLD)
    await Flavors(api).listed(0)
    assert len(api.calls) == 1
