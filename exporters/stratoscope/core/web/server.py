"""Over HTTP: `/`, `/metrics`, `/-/healthy`, `/-/ready`, `/-/reload`, `/config`, and the exporter's pages."""

import time
from collections.abc import Awaitable, Callable, Container, Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stratoscope.core import exposition
from stratoscope.core.web.addresses import relative
from stratoscope.core.web.auth import Access
from stratoscope.core.web.connections import HEADERS, POLICY, Connections
from stratoscope.core.web.cross_site import is_cross_site
from stratoscope.core.web.judging import Routes
from stratoscope.core.web.landing import landing_page
from stratoscope.core.web.listen import MOST, Address, listening, url
from stratoscope.core.web.negotiate import accepts_gzip, wants_openmetrics
from stratoscope.core.web.pages import Pages
from stratoscope.core.web.routes import AS_METRICS
from stratoscope.core.web.scrape import UnknownNameError, choose, collect, send, within_s
from stratoscope.core.web.service import Service

__all__ = ["Service", "Serving", "application", "serve"]

MOST_SCRAPES: Final = 40
"""Pages collected and sent at once; more wait for one another, and each holds memory. For a further one, a
client that does not read its page is disconnected."""

CONNECTIONS: Final = web.AppKey("connections", Connections)
_SHUTDOWN_S: Final = 0.4
_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def application(service: Service, access: Access, *, most: int = MOST) -> web.Application:
    """The web application of a service, for `most` connections; to be called in the loop that will serve it.

    If the exporter has a page `/`, core's table of collectors is at `/collectors`.

    Raises:
        ValueError: As Routes.add_to.
    """
    requests = Counter(
        "stratoscope_http_requests",
        "HTTP requests by page and status code; the handler is other for an unknown page, and malformed for "
        "an invalid request.",
        ("handler", "code"),
        registry=service.registry,
    )
    pages = Pages(service, access)
    routes = Routes(service, access, pages)
    app = web.Application(middlewares=[_counted(requests), _guarded(access, routes.handlers)])
    app[CONNECTIONS] = Connections(access, service.registry, requests, most)
    core = _CorePages(service, pages, app[CONNECTIONS])
    _register_gauges(access, service.registry)
    app.on_cleanup.append(lambda _: access.close())
    app.on_response_prepare.append(routes.prepare)
    app.on_response_prepare.append(_with_headers(access))
    app.router.add_get(pages.landing, routes.guarded(core.landing))
    for path, handler in pages.files().items():
        app.router.add_get(path, handler)
        if any(route.who is not AS_METRICS for route in service.routes):  # an open page loads them, too
            routes.handlers.add(handler)
    app.router.add_get("/metrics", core.metrics)
    app.router.add_get("/config", routes.guarded(core.config))
    app.router.add_get("/-/healthy", core.healthy)
    app.router.add_get("/-/ready", core.ready)
    app.router.add_post("/-/reload", routes.guarded(core.reload, changes=True))
    routes.add_to(app.router)
    return app


class Serving:
    """A server that listens.

    Attributes:
        urls: Its addresses, without a path; with the real port if port 0 was configured.
    """

    def __init__(self, runner: web.AppRunner, connections: Connections) -> None:
        self._runner, self._connections = runner, connections
        self.urls: list[str] = []

    async def close(self) -> None:
        """Stop listening; requests in progress have a short time to end."""
        self._connections.close()
        await self._runner.cleanup()
        await self._connections.abort()


async def serve(app: web.Application, addresses: Sequence[str], access: Access) -> Serving:
    """Listen on all addresses: `HOST:PORT`, `[::1]:PORT`, or `:PORT` for every interface.

    `access` warns of those that others can reach without TLS or a password.

    Raises:
        ConfigError: An address is invalid, or cannot be listened on; it names `--web.listen-address`.
    """
    places = [Address.parse(text) for text in addresses]
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    connections, server = app[CONNECTIONS], runner.server
    assert server is not None  # noqa: S101 - it is set up
    server.request_handler = connections.answering(server.request_handler)
    serving = Serving(runner, connections)
    try:
        for place in places:
            listener = await listening(place)
            serving.urls.append(url(listener, tls=access.in_force.context is not None))
            connections.listen(listener, server)
    except BaseException:
        await serving.close()
        raise
    access.listens_on(places)
    return serving


def _register_gauges(access: Access, registry: CollectorRegistry) -> None:
    Gauge(
        "stratoscope_web_config_refused",
        "1 if the web configuration file is rejected and the previous one stays in force, else 0.",
        registry=registry,
    ).set_function(lambda: access.is_refused)
    if access.in_force.expires is not None:
        Gauge(
            "stratoscope_web_certificate_expires_timestamp_seconds",
            "Unix time at which the server's own certificate expires; absent without TLS.",
            registry=registry,
        ).set_function(lambda: access.in_force.expires or 0)


class _CorePages:
    """One method per page of core's."""

    def __init__(self, service: Service, pages: Pages, connections: Connections) -> None:
        self._service, self._pages, self._connections = service, pages, connections
        self._scrapes = 0
        self._durations = Histogram(
            "stratoscope_scrape_duration_seconds",
            "Duration of a scrape, including sending the page, in seconds.",
            buckets=_BUCKETS_S,
            registry=service.registry,
        )

    async def landing(self, request: web.Request) -> web.Response:
        html = landing_page(self._pages, self._service, request.rel_url.raw_path)
        return web.Response(text=html, content_type="text/html")

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        try:
            choice = choose(self._service, request.query.getall("collect[]", ()))
        except UnknownNameError as error:
            return web.Response(status=400, text=f"{error}\n")
        openmetrics = wants_openmetrics(",".join(request.headers.getall(hdrs.ACCEPT, ())))
        headers: dict[str, str] = {
            hdrs.CONTENT_TYPE: exposition.OPENMETRICS if openmetrics else exposition.TEXT,
            hdrs.VARY: "Accept, Accept-Encoding",
        }
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=headers)
        if self._scrapes >= MOST_SCRAPES and not self._connections.end_a_reader():
            text = f"busy: {MOST_SCRAPES} scrapes are under way\n"
            return web.Response(status=503, text=text, headers={hdrs.RETRY_AFTER: "1"})
        self._scrapes += 1
        try:
            within = within_s(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds"))
            chunks = await collect(choice, self._service.registry, within, openmetrics=openmetrics)
            gzip = accepts_gzip(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ())))
            response = await send(request, chunks, gzip=gzip, headers=headers)
        finally:
            self._scrapes -= 1
        self._durations.observe(time.monotonic() - began)
        return response

    async def config(self, _: web.Request) -> web.Response:
        return web.Response(text=self._service.config_shown())

    async def healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="healthy\n")

    async def ready(self, _: web.Request) -> web.Response:
        if self._service.ready:
            return web.Response(text="ready\n")
        return web.Response(status=503, text="not ready: not every collector has been tried yet\n")

    async def reload(self, request: web.Request) -> web.Response:
        if is_cross_site(request.headers):
            return web.Response(status=403, text="a page of another site may not request a reload\n")
        try:
            error = await self._service.reload()
        except TimeoutError as under_way:
            return web.Response(status=202, text=f"{under_way}\n")
        if error is None:
            return web.Response(text="reloaded\n")
        return web.Response(status=500, text=f"{error}\n")


def _counted(requests: Counter) -> Middleware:
    """Counts every request by its page and status code; an unknown page is `other`."""

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        code = 500
        try:
            response = await handler(request)
            code = response.status
        except web.HTTPException as answer:
            code = answer.status
            raise
        finally:
            requests.labels(resource.canonical if resource else "other", code).inc()
        return response

    return counted


def _guarded(access: Access, guard_themselves: Container[Handler]) -> Middleware:
    """Refuses requests by the web configuration; routes of an exporter check their askers themselves."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = await access.connection_refusal(request)
        if refusal is None and request.match_info.handler not in guard_themselves:
            refusal = await access.password_refusal(request)
        return refusal or await handler(request)

    return guarded


def _with_headers(access: Access) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Adds our own headers to every response, then the web configuration's. A page's own policy stays."""

    async def with_headers(request: web.Request, response: web.StreamResponse) -> None:
        if hdrs.LOCATION in response.headers:
            address = response.headers[hdrs.LOCATION]
            response.headers[hdrs.LOCATION] = relative(address, request.rel_url.raw_path)
        policy = {POLICY: response.headers.get(POLICY, HEADERS[POLICY])}
        response.headers.update({**HEADERS, **policy, **access.in_force.headers})

    return with_headers
