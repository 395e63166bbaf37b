"""The API of this exporter: who may ask for what."""

from typing import Final

from stratoscope.core.web.routes import OPEN, Role, Route
from stratoscope.downtime.api import active, downtimes
from stratoscope.downtime.api.downtimes import ADMIN

_API: Final = "/api/v1"
_DOWNTIMES: Final = f"{_API}/downtimes"
_ONE: Final = f"{_DOWNTIMES}/{{id}}"
_READ: Final = Role("viewer", "editor", ADMIN)
_WRITE: Final = Role("editor", ADMIN)

ROUTES: Final = (
    Route("GET", _DOWNTIMES, downtimes.find, _READ),
    Route("POST", _DOWNTIMES, downtimes.file, _WRITE),
    Route("GET", _ONE, downtimes.show, _READ),
    Route("PUT", _ONE, downtimes.change, _WRITE),
    Route("POST", f"{_ONE}/extend", downtimes.extend, _WRITE),
    Route("POST", f"{_ONE}/end", downtimes.end, _WRITE),
    Route("POST", f"{_ONE}/cancel", downtimes.cancel, _WRITE),
    Route("GET", f"{_API}/active", active.active, _READ),
    Route("GET", f"{_API}/counts", active.counts, OPEN),
)
