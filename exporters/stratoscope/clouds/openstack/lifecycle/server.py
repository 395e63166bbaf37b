"""A server of a probe: the request for it, and what Nova shows of it."""

from collections.abc import Mapping
from math import inf
from typing import Any, Final

import msgspec

from stratoscope.clouds.lifecycle import Mark, Object, RunReason, StepError
from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.openstack.compute.faults import fault_reason
from stratoscope.clouds.openstack.lifecycle.description import NO_NETWORK, Description
from stratoscope.clouds.openstack.lifecycle.resolve import Plan

SERVER: Final = "server"
"""The kind of its Object."""
VERSION: Final = "2.74"
"""The newest microversion that a request needs: the first with `host`."""
_WITH_DESCRIPTION: Final = "2.19"
_WITH_TAGS: Final = "2.52"
VERSIONS: Final = (VERSION, _WITH_DESCRIPTION, _WITH_TAGS)
"""Those that add a key to the request."""

_TAG, _PROBE, _RUN, _DEADLINE = (f"stratoscope_{one}" for one in ("tag", "probe", "run", "deadline"))
_LONGEST_TAG: Final = 60
_LONGEST_VALUE: Final = 255
_ACTIVE: Final = "ACTIVE"
_ERROR: Final = "ERROR"


class Accepted(msgspec.Struct, frozen=True):
    """What Nova answers; the password that it made is not read."""

    id: Id


class AcceptedAnswer(msgspec.Struct, frozen=True):
    server: Accepted


class _Address(msgspec.Struct, frozen=True):
    addr: Text


class _Fault(msgspec.Struct, frozen=True):
    message: Text = ""


class Server(msgspec.Struct, frozen=True, rename={"host": "OS-EXT-SRV-ATTR:host", "host_id": "hostId"}):
    """One of `servers`.

    Attributes:
        host: Only administrators get it.
        host_id: A digest of project and host.
    """

    id: Id
    status: Text
    name: Text = ""
    host: Text | None = None
    host_id: Id | None = None
    addresses: dict[str, list[_Address]] = {}
    fault: _Fault | None = None
    metadata: dict[str, str] = {}

    @property
    def is_built(self) -> bool:
        return self.status == _ACTIVE

    @property
    def failure(self) -> StepError | None:
        """Why it will never run; None unless it is in error."""
        if self.status != _ERROR:
            return None
        text = self.fault.message if self.fault is not None else ""
        return StepError(RunReason(fault_reason(text)), text or "in ERROR, and Nova does not say why")

    @property
    def mark(self) -> Mark | None:
        """None for a server that no probe made. A deadline that makes no sense is none: it never passes."""
        tag, run = self.metadata.get(_TAG), self.metadata.get(_RUN)
        if tag is None or run is None:
            return None
        return Mark(tag, self.metadata.get(_PROBE, ""), run, _moment(self.metadata.get(_DEADLINE, "")))

    @property
    def object(self) -> Object:
        return Object(SERVER, self.id, self.name, self.mark)


class ServerAnswer(msgspec.Struct, frozen=True):
    server: Server


SERVERS: Final = Listing("compute", "/servers/detail", "servers", Server)


def body(
    described: Description, plan: Plan, mark: Mark, host: str, knows: Mapping[str, bool]
) -> Mapping[str, Any]:
    """The body of POST /servers. Args: knows: Which of VERSIONS Nova has."""
    server: dict[str, Any] = {
        "name": mark.name,
        "flavorRef": plan.flavor.id,
        "imageRef": plan.image_id,
        "networks": NO_NETWORK if plan.network_id is None else [{"uuid": plan.network_id}],
        "metadata": _metadata(mark),
    }
    if described.security_groups:
        server["security_groups"] = [{"name": one} for one in described.security_groups]
    if described.key_name:
        server["key_name"] = described.key_name
    if described.zone:
        server["availability_zone"] = described.zone
    if host and knows[VERSION]:
        server["host"] = host
    elif host:  # it skips the scheduler's filters
        server["availability_zone"] = f"{described.zone}:{host}"
    if knows[_WITH_DESCRIPTION]:
        server["description"] = f"Created by the probe {mark.probe}; it deletes it."[:_LONGEST_VALUE]
    if knows[_WITH_TAGS] and _is_tag(mark.tag):
        server["tags"] = [mark.tag]
    return {"server": server}


def _metadata(mark: Mark) -> Mapping[str, str]:
    values = {_TAG: mark.tag, _PROBE: mark.probe, _RUN: mark.run, _DEADLINE: f"{mark.deadline:.0f}"}
    return {key: value[:_LONGEST_VALUE] for key, value in values.items()}


def _is_tag(text: str) -> bool:
    """Whether Nova takes a text as a tag."""
    return 0 < len(text) <= _LONGEST_TAG and not {*"/,"} & {*text}


def _moment(text: str) -> float:
    return float(text) if text.isdecimal() else inf
