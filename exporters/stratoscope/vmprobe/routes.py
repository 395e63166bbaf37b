"""The pages, the API and `/probe` of this exporter: who may ask for what."""

from collections.abc import Sequence
from typing import Final

from stratoscope.core.web.asking.settings import AccessSettings, Guard
from stratoscope.core.web.routes import LOGGED_IN, Role, Route
from stratoscope.vmprobe import api, on_request, pages

_OPERATOR: Final = "operator"
_PAGE: Final = "/probes/{cloud}/{name}"
_API: Final = "/api/v1/probes"
_BY_HAND: Final = Role(_OPERATOR)

ROUTES: Final = (
    Route("GET", "/", pages.overview, LOGGED_IN, title="Probes"),
    Route("GET", _PAGE, pages.one, LOGGED_IN),
    Route("POST", f"{_PAGE}/pause", pages.pause, _BY_HAND),
    Route("POST", f"{_PAGE}/resume", pages.resume, _BY_HAND),
    Route("POST", f"{_PAGE}/run", pages.run, _BY_HAND),
    Route("GET", _API, api.show_all, LOGGED_IN),
    Route("GET", f"{_API}/{{name}}", api.show, LOGGED_IN),
    Route("POST", f"{_API}/{{name}}/pause", api.pause, _BY_HAND),
    Route("POST", f"{_API}/{{name}}/resume", api.resume, _BY_HAND),
    Route("POST", f"{_API}/{{name}}/run", api.run, _BY_HAND),
    Route("GET", "/probe", on_request.probe, LOGGED_IN),
)


def guard(operators: Sequence[str]) -> Guard:
    """How the routes are guarded.

    Args:
        operators: `vmprobe.operators`: users of the web configuration who may run, pause and resume probes.
    """
    return Guard(AccessSettings(roles={_OPERATOR: tuple(operators)}), managers=(_OPERATOR,))
