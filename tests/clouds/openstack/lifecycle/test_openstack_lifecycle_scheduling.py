"""Whether a host was chosen for a server: what Nova shows decides, and only without that its actions."""

from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.scheduling import Scheduling
from stratoscope.clouds.openstack.lifecycle.server import Server

QUIET = 8
"""Looks that cost no request for the actions."""


class Actions:
    """The actions of all servers. Attributes: names: What was done; asked: The paths of the requests."""

    def __init__(self, *names: str) -> None:
        self.names, self.asked = names, list[str]()

    async def get(self, _: str, path: str, kind: type[Any], *, operation: str) -> Any:  # noqa: ARG002
        self.asked.append(path)
        return msgspec.convert({"instanceActions": [{"action": one} for one in self.names]}, kind)

    @property
    def scheduling(self) -> Scheduling:
        return Scheduling(Mock(Session, get=self.get))


async def looks(scheduling: Scheduling, number: int, server: Server) -> list[bool]:
    return [await scheduling.is_over(server) for _ in range(number)]


@pytest.mark.parametrize(
    ("server", "is_over"),
    [
        (Server("vm", "BUILD", host="cn01", host_id="digest"), True),
        (Server("vm", "BUILD", host="cn01"), True),
        (Server("vm", "BUILD", host_id="digest"), True),
        (Server("vm", "BUILD", host="", host_id="digest"), True),
        (Server("vm", "ERROR", host="", host_id=""), False),
        (Server("vm", "ERROR"), False),
    ],
)
async def test_server_with_a_host_or_in_error_costs_no_further_request(server: Server, is_over: bool) -> None:
    actions = Actions("create")
    assert await looks(actions.scheduling, 2 * QUIET, server) == [is_over] * 2 * QUIET
    assert actions.asked == []


@pytest.mark.parametrize(
    ("names", "is_over"), [(["create"], True), (["lock", "create"], True), (["lock"], False), ([], False)]
)
async def test_action_create_alone_says_that_a_host_was_chosen(names: list[str], is_over: bool) -> None:
    actions = Actions(*names)
    assert (await looks(actions.scheduling, QUIET + 1, Server("vm", "BUILD")))[-1] is is_over
    assert actions.asked == ["/servers/vm/os-instance-actions"]


@pytest.mark.parametrize("names", [["create"], []])
async def test_nothing_is_carried_over_to_the_next_server(names: list[str]) -> None:
    actions = Actions(*names)
    scheduling = actions.scheduling
    for vm_id in ("first", "second"):
        found = await looks(scheduling, QUIET + 1, Server(vm_id, "BUILD"))
        assert found == [False] * QUIET + [bool(names)]
    assert actions.asked == [f"/servers/{vm_id}/os-instance-actions" for vm_id in ("first", "second")]
