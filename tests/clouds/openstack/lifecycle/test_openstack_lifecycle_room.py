"""The project's quotas: how much room is enough, for what, and whose words count."""

from collections.abc import Mapping
from typing import Any
from unittest.mock import AsyncMock, Mock

import msgspec
import pytest

from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.description import Description
from stratoscope.clouds.openstack.lifecycle.quota import check_quota
from stratoscope.clouds.openstack.lifecycle.resolve import Flavor, Plan
from stratoscope.core.errors import LeftOut, LeftOutError

NO_ROOM = f"{RunReason.QUOTA}: no room in the project's quota: "
SMALL, LARGE = Flavor("1", "small", 2, 512), Flavor("2", "large", 4, 1024)
NOVA = {
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "ram": ("maxTotalRAMSize", "totalRAMUsed"),
}
CINDER = {
    "volumes": ("maxTotalVolumes", "totalVolumesUsed"),
    "gigabytes": ("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
}


def said(names: Mapping[str, tuple[str, str]], name: str, limit: int, used: int) -> dict[str, Any]:
    most, now = names.get(name, ("other", "otherUsed"))
    return {"limits": {"absolute": {most: limit, now: used}}}


class Project:
    """A project with one limit. Attributes: asked: The services that were asked."""

    def __init__(self, name: str = "", limit: int = -1, used: int = 0, reserved: int = 0) -> None:
        self.asked: list[str] = []
        self.cinder_fails: Exception | None = None
        network = {name: {"limit": limit, "used": used, "reserved": reserved}}
        self._answers: dict[str, Any] = {
            "compute": said(NOVA, name, limit, used),
            "network": {"quota": network},
            "block-storage": said(CINDER, name, limit, used),
        }

    async def get(self, service: str, _: str, kind: type[Any], *, operation: str) -> Any:  # noqa: ARG002
        self.asked.append(service)
        if service == "block-storage" and self.cinder_fails is not None:
            raise self.cinder_fails
        return msgspec.convert(self._answers[service], kind)

    async def short(self, plan: Plan, **described: Any) -> str:
        """Reason and words of the failure; "" if there is room."""
        access = AsyncMock(return_value=Mock(project_id="p"))
        api = Mock(Session, get=self.get, access=access)
        try:
            await check_quota(api, plan, Description("f", "i", **described))
        except StepError as error:
            return f"{error.reason}: {error}"
        return ""


def plan(flavor: Flavor = SMALL, resize: Flavor | None = None, floating: str = "") -> Plan:
    return Plan(flavor, "i", "n", floating, resize)


@pytest.mark.parametrize(
    ("name", "needed", "wanted", "described"),
    [
        ("cores", 2, plan(), {}),
        ("cores", 4, plan(SMALL, LARGE), {}),
        ("cores", 4, plan(LARGE, SMALL), {}),
        ("instances", 1, plan(), {}),
        ("ram", 512, plan(), {}),
        ("ram", 1024, plan(SMALL, LARGE), {}),
        ("ram", 1024, plan(LARGE, SMALL), {}),
        ("port", 1, plan(), {}),
        ("floatingip", 1, plan(floating="external"), {}),
        ("volumes", 1, plan(), {"volume": 3}),
        ("gigabytes", 3, plan(), {"volume": 3}),
        ("volumes", 1, plan(), {"boot_volume": 3}),
        ("gigabytes", 3, plan(), {"boot_volume": 3}),
    ],
)
async def test_room_is_enough_to_the_last_unit_and_one_less_is_not(
    name: str, needed: int, wanted: Plan, described: dict[str, Any]
) -> None:
    used = 7
    assert await Project(name, used + needed, used).short(wanted, **described) == ""
    limit = used + needed - 1
    expected = f"{NO_ROOM}{name}: {used} of {limit} used, {needed} needed"
    assert await Project(name, limit, used).short(wanted, **described) == expected


@pytest.mark.parametrize("name", ["port", "floatingip"])
async def test_what_neutron_has_reserved_is_no_room(name: str) -> None:
    wanted = plan(floating="external")
    assert await Project(name, 5, 3, 1).short(wanted) == ""
    assert await Project(name, 5, 3, 2).short(wanted) == f"{NO_ROOM}{name}: 5 of 5 used, 1 needed"


@pytest.mark.parametrize("name", ["floatingip", "volumes", "gigabytes"])
async def test_what_no_step_creates_needs_no_room(name: str) -> None:
    project = Project(name, 0)
    assert await project.short(plan()) == ""
    assert project.asked == ["compute", "network"]


async def test_vm_without_a_network_asks_neutron_for_nothing() -> None:
    project = Project()
    assert await project.short(Plan(SMALL, "i", None)) == ""
    assert project.asked == ["compute"]


async def test_quota_that_is_not_said_bounds_nothing() -> None:
    assert await Project().short(plan(SMALL, LARGE, "external"), volume=3) == ""


async def test_cinder_that_refuses_a_valid_token_is_a_failure() -> None:
    project = Project()
    project.cinder_fails = LeftOutError(LeftOut.UNAUTHORIZED, "block-storage: refuses a new token")
    with pytest.raises(LeftOutError, match="refuses a new token"):
        await project.short(plan(), volume=3)
