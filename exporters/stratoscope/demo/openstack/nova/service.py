"""The front of Nova: versions, microversions, and how it says no."""

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final, Protocol

from stratoscope.demo.openstack.asking import EARLY, Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.service import Route, Service
from stratoscope.demo.openstack.world import World

OLDEST: Final = 1
_NAMES: Final = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    409: "conflictingRequest",
    413: "overLimit",
    429: "overLimit",
    503: "serviceUnavailable",
}
"""nova/api/openstack/wsgi.py, Fault._fault_names; all others are computeFault."""
_VERSION: Final = re.compile(r"([1-9]\d*)\.([1-9]\d*|0)")


class Part(Protocol):
    """Some of what Nova answers."""

    def routes(self) -> Iterable[Route]:
        """Below the endpoint."""


class Nova(Service):
    """All parts of Nova behind one door."""

    kind, name, prefix, endpoint = "compute", "nova", "/compute", "/v2.1"
    newest = 100

    def __init__(self, world: World, parts: Sequence[Part]) -> None:
        super().__init__(world)
        self._parts = parts

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "", self._versions, is_open=True)
        yield Route("GET", "/", self._versions, is_open=True)
        yield Route("GET", "/v2.1", self._version, is_open=True)
        yield Route("GET", "/v2.1/", self._version, is_open=True)
        for part in self._parts:
            for route in part.routes():
                yield route._replace(path=f"/v2.1{route.path}")

    def negotiate(self, ask: Ask) -> None:
        ask.minor = OLDEST
        said = ask.request.headers.get("OpenStack-API-Version", "").lower()
        asked = said.removeprefix("compute ") if said.startswith("compute ") else ""
        asked = asked or ask.request.headers.get("X-OpenStack-Nova-API-Version", "")
        if asked:
            ask.minor = minor_of(asked.strip(), 2, OLDEST, self.newest)

    def refusal(self, ask: Ask, error: RefusalError) -> Answer:  # noqa: ARG002 - one word for all
        name = _NAMES.get(error.status, "computeFault")
        answer = Answer({name: {"code": error.status, "message": error.message}}, error.status)
        answer.headers["Content-Type"] = "application/json; charset=UTF-8"
        answer.is_early = error.kind == EARLY
        return answer

    def headers(self, ask: Ask, answer: Answer) -> None:
        if not ask.path:
            return
        if ask.minor and not answer.is_early and answer.status != HTTPStatus.UNAUTHORIZED:
            answer.headers["OpenStack-API-Version"] = f"compute 2.{ask.minor}"
            answer.headers["X-OpenStack-Nova-API-Version"] = f"2.{ask.minor}"
            answer.headers.add("Vary", "OpenStack-API-Version")
            answer.headers.add("Vary", "X-OpenStack-Nova-API-Version")
        super().headers(ask, answer)
        answer.headers["x-compute-request-id"] = ask.request_id

    def _versions(self, ask: Ask) -> Answer:
        old: Json = {
            "id": "v2.0",
            "status": "SUPPORTED",
            "version": "",
            "min_version": "",
            "updated": "2011-01-21T11:33:21Z",
            "links": [{"rel": "self", "href": f"{ask.base}/v2/"}],
        }
        new: Json = {**self._about(), "links": [{"rel": "self", "href": f"{ask.base}/v2.1/"}]}
        return Answer({"versions": [old, new]})

    def _version(self, ask: Ask) -> Answer:
        docs = {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"}
        media = {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
        links = [{"rel": "self", "href": f"{ask.base}/v2.1/"}, docs]
        return Answer({"version": {**self._about(), "links": links, "media-types": [media]}})

    def _about(self) -> Json:
        return {
            "id": "v2.1",
            "status": "CURRENT",
            "version": f"2.{self.newest}",
            "min_version": f"2.{OLDEST}",
            "updated": "2013-07-23T11:33:21Z",
        }


def minor_of(text: str, major: int, oldest: int, newest: int) -> int:
    """The minor number of a microversion that is asked for.

    Raises:
        RefusalError: It is none, or none that is known.
    """
    if text == "latest":
        return newest
    match = _VERSION.fullmatch(text)
    if match is None:
        said = f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum."
        raise RefusalError(400, said, EARLY)
    if int(match[1]) != major or not oldest <= int(match[2]) <= newest:
        said = (
            f"Version {text} is not supported by the API. Minimum is {major}.{oldest} and maximum is "
            f"{major}.{newest}."
        )
        raise RefusalError(406, said)
    return int(match[2])


def administrators(ask: Ask, rule: str) -> None:
    """Refuse what is for administrators alone."""
    if not ask.who.is_admin:
        raise forbidden(rule)


def forbidden(rule: str) -> RefusalError:
    return RefusalError(403, f"Policy doesn't allow os_compute_api:{rule} to be performed.")
