"""Nova as a service: versions, microversions, errors."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, Protocol

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.nova import (
    attach_volume,
    flavors,
    history,
    hosts,
    migrations,
    projects,
    servers,
)
from stratoscope.demo.openstack.service import Route, Service, named_fault
from stratoscope.demo.world.world import World

OLDEST: Final = 1
_VERSION: Final = re.compile(r"([1-9]\d*)\.([1-9]\d*|0)")


class Routed(Protocol):
    """What adds routes below the endpoint."""

    def routes(self) -> Iterable[Route]: ...


class Nova(Service):
    """All of Nova's API below one prefix."""

    kind, name, prefix, endpoint = "compute", "nova", "/compute", "/v2.1"
    denial = "Policy doesn't allow os_compute_api:{} to be performed."
    newest = 100

    def __init__(self, world: World, actions: Routed) -> None:
        super().__init__(world)
        self._actions = actions

    def routes(self) -> Iterable[Route]:
        for path, handler in (
            ("", self._versions), ("/", self._versions), ("/v2.1", self._version), ("/v2.1/", self._version),
        ):  # fmt: skip
            yield Route("GET", path, handler, is_open=True)
        tables = (
            flavors.ROUTES, hosts.ROUTES, projects.ROUTES, history.ROUTES, servers.ROUTES,
            attach_volume.ROUTES, migrations.ROUTES,
        )  # fmt: skip
        for route in (*self._actions.routes(), *(route for table in tables for route in table)):
            yield route._replace(path=f"/v2.1{route.path}")

    def negotiate(self, request: Request) -> None:
        header = request.raw.headers.get("OpenStack-API-Version", "").lower()
        version = header.removeprefix("compute ") if header.startswith("compute ") else ""
        version = version or request.raw.headers.get("X-OpenStack-Nova-API-Version", "")
        request.minor = OLDEST
        if version:
            request.minor = minor_of(version.strip(), 2, OLDEST, self.newest)

    def error(self, request: Request, error: HttpError) -> Response:  # noqa: ARG002 - one format for all
        response = named_fault(error)
        response.headers["Content-Type"] = "application/json; charset=UTF-8"
        return response

    def headers(self, request: Request, response: Response) -> None:
        if not request.path:
            return
        if request.minor and not response.is_early and response.status != HTTPStatus.UNAUTHORIZED:
            response.headers["OpenStack-API-Version"] = f"compute 2.{request.minor}"
            response.headers["X-OpenStack-Nova-API-Version"] = f"2.{request.minor}"
            response.headers.add("Vary", "OpenStack-API-Version")
            response.headers.add("Vary", "X-OpenStack-Nova-API-Version")
        super().headers(request, response)
        response.headers["x-compute-request-id"] = request.request_id

    def _versions(self, request: Request) -> Response:
        old: Json = {
            "id": "v2.0",
            "status": "SUPPORTED",
            "version": "",
            "min_version": "",
            "updated": "2011-01-21T11:33:21Z",
            "links": [{"rel": "self", "href": f"{request.base}/v2/"}],
        }
        return Response({"versions": [old, self._about(request)]})

    def _version(self, request: Request) -> Response:
        docs: Json = {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"}
        media = {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
        return Response({"version": {**self._about(request, docs), "media-types": [media]}})

    def _about(self, request: Request, *links: Json) -> Json:
        return {
            "id": "v2.1",
            "status": "CURRENT",
            "version": f"2.{self.newest}",
            "min_version": f"2.{OLDEST}",
            "updated": "2013-07-23T11:33:21Z",
            "links": [{"rel": "self", "href": f"{request.base}/v2.1/"}, *links],
        }


def minor_of(text: str, major: int, oldest: int, newest: int) -> int:
    """The minor number of a requested microversion. Raises HttpError for an unknown one."""
    if text == "latest":
        return newest
    match = _VERSION.fullmatch(text)
    if match is None:
        message = f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum."
        raise HttpError(400, message, is_early=True)
    if int(match[1]) != major or not oldest <= int(match[2]) <= newest:
        message = (
            f"Version {text} is not supported by the API. Minimum is {major}.{oldest} and maximum is "
            f"{major}.{newest}."
        )
        raise HttpError(406, message)
    return int(match[2])
