"""Nova's quotas of projects."""

from typing import Final

from stratoscope.demo.openstack.http_request import Request, Response
from stratoscope.demo.openstack.quotas import absolute, details, limits_of
from stratoscope.demo.openstack.service import Route

_RESOURCES: Final = ("cores", "instances", "ram")
_FIXED: Final = {
    "key_pairs": 100,
    "metadata_items": 128,
    "server_group_members": 10,
    "server_groups": 10,
}
"""Limits that are the same for all projects."""
_NAMES: Final = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "ram": ("maxTotalRAMSize", "totalRAMUsed"),
    "server_groups": ("", "totalServerGroupsUsed"),
}
"""The names of limit and use in GET /limits."""
_FIXED_NAMES: Final = {
    "maxServerMeta": 128,
    "maxTotalKeypairs": 100,
    "maxServerGroups": 10,
    "maxServerGroupMembers": 10,
}


def _quotas(request: Request) -> Response:
    project = request.own_project("os-quota-sets:detail")
    limits = {name: limits_of(project)[name] for name in _RESOURCES} | _FIXED
    return Response({"quota_set": {"id": request.args["project"], **details(project, limits)}})


ROUTES: Final = (
    Route("GET", "/v2.1/os-quota-sets/{project}/detail", _quotas),
    Route("GET", "/v2.1/limits", lambda request: absolute(request, _NAMES, _FIXED_NAMES)),
)
