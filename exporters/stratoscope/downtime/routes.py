"""The API, the pages and the feeds of this exporter: who may ask for what."""

from typing import Final

from stratoscope.core.web.routes import OPEN, Role, Route
from stratoscope.downtime.api import active, downtimes, export, hosts_off, windows
from stratoscope.downtime.api.openapi import openapi
from stratoscope.downtime.api.operations import API
from stratoscope.downtime.editing import READERS, WRITERS
from stratoscope.downtime.site import feeds, filing, listing, one, overview, window_filing
from stratoscope.downtime.site import windows as windows_page

_DOWNTIMES: Final = f"{API}/downtimes"
_ONE: Final = f"{_DOWNTIMES}/{{id}}"
_PAGE: Final = "/downtimes/{id}"
_WINDOWS: Final = f"{API}/windows"
_HOSTS_OFF: Final = f"{API}/hosts-off"
_READ: Final = Role(*READERS)
_WRITE: Final = Role(*WRITERS)

_PAGES: Final = (
    Route("GET", "/", overview.show, OPEN, title="Downtimes"),
    Route("GET", "/downtimes", listing.show, _READ),
    Route("POST", "/downtimes", filing.create, _WRITE),
    Route("GET", "/downtimes/new", filing.new, _WRITE),
    Route("GET", _PAGE, one.show, _READ),
    Route("GET", f"{_PAGE}/change", filing.change, _WRITE),
    Route("POST", f"{_PAGE}/change", filing.store, _WRITE),
    Route("POST", f"{_PAGE}/extend", one.extend, _WRITE),
    Route("POST", f"{_PAGE}/end", one.end, _WRITE),
    Route("POST", f"{_PAGE}/cancel", one.cancel, _WRITE),
    Route("POST", f"{_PAGE}/silence", one.silence, _WRITE),
    Route("GET", "/windows", windows_page.show, _READ),
    Route("POST", "/windows", window_filing.create, _WRITE),
    Route("GET", "/windows/new", window_filing.new, _WRITE),
    Route("POST", "/windows/{id}/cancel", windows_page.cancel, _WRITE),
)
_API: Final = (
    Route("GET", _DOWNTIMES, downtimes.find, _READ),
    Route("POST", _DOWNTIMES, downtimes.file, _WRITE),
    Route("GET", _ONE, downtimes.show, _READ),
    Route("PUT", _ONE, downtimes.change, _WRITE),
    Route("POST", f"{_ONE}/extend", downtimes.extend, _WRITE),
    Route("POST", f"{_ONE}/end", downtimes.end, _WRITE),
    Route("POST", f"{_ONE}/cancel", downtimes.cancel, _WRITE),
    Route("POST", f"{_ONE}/silence", downtimes.silence, _WRITE),
    Route("GET", _WINDOWS, windows.find, _READ),
    Route("POST", _WINDOWS, windows.file, _WRITE),
    Route("GET", f"{_WINDOWS}/{{id}}", windows.show, _READ),
    Route("POST", f"{_WINDOWS}/{{id}}/cancel", windows.cancel, _WRITE),
    Route("GET", _HOSTS_OFF, hosts_off.find, _READ),
    Route("PUT", f"{_HOSTS_OFF}/{{cloud}}/{{host}}", hosts_off.off, _WRITE),
    Route("DELETE", f"{_HOSTS_OFF}/{{cloud}}/{{host}}", hosts_off.back, _WRITE),
    Route("GET", f"{API}/active", active.active, _READ),
    Route("GET", f"{API}/counts", active.counts, OPEN),
    Route("GET", f"{API}/export/json", export.json, _READ),
    Route("GET", f"{API}/export/gocdb", export.gocdb, _READ),
)
ROUTES: Final = (*_PAGES, *_API, openapi(_API), *feeds.ROUTES)
