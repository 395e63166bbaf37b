"""The pages of a service: core's and the exporter's own, in the same frame."""

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from stratoscope.core.web.addresses import with_relative
from stratoscope.core.web.auth import Access
from stratoscope.core.web.routes import roles_of
from stratoscope.core.web.service import Service
from stratoscope.core.web.templates import File, Frame, Templates

COLLECTORS: Final = "/collectors"
"""Where core's table of collectors is if the exporter has a page `/`."""
LINKS: Final = {
    "/metrics": "Metrics",
    "/config": "Configuration",
    "/-/healthy": "Health",
    "/-/ready": "Readiness",
}


class Pages:
    """Makes pages from templates.

    Attributes:
        landing: The path of core's table of collectors.
    """

    def __init__(self, service: Service, access: Access) -> None:
        self._service, self._access = service, access
        self._templates = Templates(service.templates)
        pages = [route for route in service.routes if route.method == hdrs.METH_GET]
        has_own = any(route.path == "/" for route in pages)
        self.landing = COLLECTORS if has_own else "/"
        self._links = {route.path: route.title for route in pages if route.title}
        self._links |= ({COLLECTORS: "Collectors"} if has_own else {}) | LINKS

    def html(self, path: str, template: str, /, *, with_warnings: bool = True, **values: object) -> str:
        """A page as HTML.

        Args:
            path: That of the request.
            with_warnings: Show the warnings for the operator; not to strangers.
        """
        warnings = self._warnings() if with_warnings else []
        service = self._service
        title = f"stratoscope {service.name}"
        frame = Frame(title, service.version, service.summary, self._links, warnings)
        return with_relative(self._templates.render(template, frame=frame, **values), path)

    def _warnings(self) -> Sequence[str]:
        of_roles = self._service.guard.warnings(self._access.in_force.users, roles_of(self._service.routes))
        return [*self._access.warnings, *self._service.warnings, *of_roles]

    def files(self) -> Mapping[str, Handler]:
        """The handler of each file that pages load, by path."""
        return {path: _file_handler(file) for path, file in self._templates.files.items()}


def _file_handler(file: File) -> Handler:
    """The handler of a file that pages load. A browser may cache it: its address changes with its content."""

    async def show(_: web.Request) -> web.Response:
        headers = {hdrs.CACHE_CONTROL: "private, max-age=86400"}
        return web.Response(
            body=file.content, content_type=file.content_type, charset="utf-8", headers=headers
        )

    return show
