"""Nova's services."""

import pytest

from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.model import HostServices, Service
from stratoscope.clouds.openstack.compute.services import ComputeServices
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import Answer, FakeApi
from support.openstack_answers import answer, spoilt


def nova(services: Answer) -> FakeApi:
    return FakeApi({("compute", "/os-services"): services})


async def test_services_come_with_state_zone_and_heartbeat() -> None:
    read = await ComputeServices(nova(answer("compute_services"))).read()
    assert [(one.binary, one.host, one.zone) for one in read.services] == [
        ("nova-scheduler", "vm", "internal"),
        ("nova-conductor", "vm", "internal"),
        ("nova-compute", "fake2", "az1"),
        ("nova-compute", "fake1", "az1"),
        ("nova-compute", "fake4", "broken"),
        ("nova-compute", "fake3", "small"),
    ]
    assert all(one.is_up and one.is_enabled and one.service == "compute" for one in read.services)
    assert all(one.heartbeat and 1795423000 < one.heartbeat < 1795425000 for one in read.services)
    assert read.malformed == 0


async def test_service_that_an_administrator_took_out_tells_why() -> None:
    services = answer("compute_services")
    services["services"][0] |= {
        "status": "disabled", "state": "down", "disabled_reason": "new memory", "forced_down": True,
        "updated_at": None,
    }  # fmt: skip
    assert (await ComputeServices(nova(services)).read()).services[0] == Service(
        "compute", "nova-scheduler", "vm", "internal", False, False, "new memory", None, True
    )


async def test_service_keeps_its_state_however_much_an_administrator_wrote() -> None:
    services = spoilt("compute_services", "services", field="disabled_reason", value="why " * 1000)
    read = await ComputeServices(nova(services)).read()
    assert (read.malformed, read.services[0].reason) == (0, "why " * 1000)


async def test_service_that_is_forced_down_is_down_whatever_it_reports() -> None:
    services = answer("compute_services")
    services["services"][2]["forced_down"] = True
    forced, other = (await ComputeServices(nova(services)).read()).services[2:4]
    assert (forced.host, forced.is_up, forced.is_enabled, forced.is_forced_down) == (
        "fake2", False, True, True,
    )  # fmt: skip
    assert (other.is_up, other.is_forced_down) == (True, False)


async def test_nova_before_2_11_does_not_tell_what_is_forced_down() -> None:
    services = answer("compute_services")
    for service in services["services"]:
        del service["forced_down"]
    read = await ComputeServices(nova(services)).read()
    assert {one.is_forced_down for one in read.services} == {None}


async def test_service_without_a_state_makes_no_sense() -> None:
    services = answer("compute_services")
    del services["services"][0]["state"]
    assert (await ComputeServices(nova(services)).read()).malformed == 1


async def test_service_of_a_cell_that_does_not_answer_is_down_and_not_disabled() -> None:
    services = {"services": [{"binary": "nova-compute", "host": "node1", "status": "UNKNOWN"}]}
    assert (await ComputeServices(nova(services)).read()).services == (
        Service("compute", "nova-compute", "node1", "", False, True, "", None, runs_vms=True),
    )


async def test_service_that_is_told_twice_is_the_one_that_is_up_its_zone_too() -> None:
    services = answer("compute_services")
    (compute,) = [one for one in services["services"] if one["host"] == "fake3"]
    stale = compute | {"state": "down", "zone": "nova", "updated_at": "2020-01-01T00:00:00.000000"}
    for rows in ([stale, compute], [compute, stale]):
        reader = ComputeServices(nova({"services": rows}))
        (read,) = (await reader.read()).services
        assert (read.is_up, read.zone) == (True, "small")
        assert await reader.zones(60) == {"fake3": "small"}


@pytest.mark.parametrize("field", ["zone", "updated_at", "disabled_reason", "forced_down"])
@pytest.mark.parametrize(("value", "malformed"), [(None, 0), ({}, 1)])
async def test_field_that_a_service_can_do_without_costs_itself_alone(
    field: str, value: object, malformed: int
) -> None:
    services = spoilt("compute_services", "services", field=field, value=value)
    read = await ComputeServices(nova(services)).read()
    assert (len(read.services), read.malformed) == (6, malformed)
    assert read.services[0].is_up


async def test_service_that_makes_no_sense_costs_itself_alone() -> None:
    services = spoilt("compute_services", "services", field="host", value=None)
    read = await ComputeServices(nova(services)).read()
    assert (len(read.services), read.malformed) == (5, 1)


async def test_no_services_without_the_role_is_no_right_to_see_them() -> None:
    api = nova({"services": []})
    assert (await ComputeServices(api).read()).services == ()
    api.be(roles=frozenset({"reader"}))
    with pytest.raises(LeftOutError) as caught:
        await ComputeServices(api).read()
    assert caught.value.reason is LeftOut.UNAUTHORIZED


@pytest.mark.parametrize("error", [ForbiddenError("403"), CollectError(Reason.UNAVAILABLE, "503")])
async def test_source_that_refuses_or_is_down_says_so(error: Exception) -> None:
    with pytest.raises(type(error)):
        await ComputeServices(nova(error)).read()


def test_question_costs_one_request() -> None:
    (question,) = ComputeServices.questions()
    assert (question.name, question.answer, question.cost) == ("compute_services", HostServices, "1")


@pytest.mark.parametrize(
    ("status", "reason", "is_by_source"),
    [
        ("disabled", "AUTO: Connection to libvirt lost: 1", True),
        ("disabled", "new memory", False),
        ("disabled", None, False),
        ("enabled", "AUTO: Connection to libvirt lost: 1", False),
    ],
)
async def test_what_nova_itself_disabled_is_told_apart(
    status: str, reason: str | None, is_by_source: bool
) -> None:
    services = answer("compute_services")
    services["services"][2] |= {"status": status, "disabled_reason": reason}
    read = await ComputeServices(nova(services)).read()
    assert read.services[2].is_disabled_by_source is is_by_source
    assert [one.runs_vms for one in read.services] == [False, False, True, True, True, True]
