"""What each route of the API takes and gives: the table from which its OpenAPI document is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stratoscope.downtime.api import gocdb
from stratoscope.downtime.api.answers import (
    Active,
    DowntimePage,
    HostBack,
    HostsOff,
    OneDowntime,
    OneWindow,
    WindowPage,
)
from stratoscope.downtime.api.downtimes import End
from stratoscope.downtime.api.hosts_off import Off
from stratoscope.downtime.api.windows import Cancel
from stratoscope.downtime.draft import LABELS, Draft
from stratoscope.downtime.query import FILTERS, HISTORY, LONGEST, PAGING, label
from stratoscope.downtime.shown_json import DowntimesShown
from stratoscope.downtime.windows.draft import WindowDraft

API: Final = "/api/v1"
_Schemas = Mapping[str, Mapping[str, Any]]
"""By name."""
_TEXT: Final = {"type": "string", "maxLength": LONGEST}
_IF_MATCH: Final[_Schemas] = {
    "If-Match": {"type": "string", "description": "Its ETag: only if nobody has changed it since."}
}
_IF_NONE_MATCH: Final[_Schemas] = {
    "If-None-Match": {"type": "string", "description": "The ETag of the last answer."}
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A request and its answer.

    Attributes:
        gives: The type of the answer's body; str: a text.
        takes: The type of the request's body; None for none.
        needs_body: Whether it may not lack its body.
        query, headers: The parameters as JSON Schema, by name.
        takes_labels: Whether the labels of the configuration are parameters, too.
        errors: Statuses beside those that follow from the others and from the route.
    """

    gives: Any
    takes: Any = None
    needs_body: bool = True
    query: _Schemas = field(default_factory=dict)
    headers: _Schemas = field(default_factory=dict)
    takes_labels: bool = False
    errors: tuple[int, ...] = (503,)
    status: int = 200
    means: str = "Done."
    content_type: str = "application/json"


_CHANGE: Final = Operation(
    OneDowntime, headers=_IF_MATCH, errors=(409, 412, 503), means="It, as it stands now."
)
_FILE: Final = Operation(
    None, headers={"Idempotency-Key": _TEXT | {"description": "Of a request that may come again."}},
    errors=(409, 503), status=201, means="It is filed; Location is its address.",
)  # fmt: skip
_ONE: Final = f"{API}/downtimes/{{id}}"
_HOST: Final = f"{API}/hosts-off/{{cloud}}/{{host}}"

OPERATIONS: Final[Mapping[str, Operation]] = {
    f"GET {API}/downtimes": Operation(
        DowntimePage, query={**FILTERS, **PAGING}, takes_labels=True, means="A page."
    ),
    f"POST {API}/downtimes": replace(_FILE, gives=OneDowntime, takes=Draft),
    f"GET {_ONE}": Operation(
        OneDowntime, query=HISTORY, means="It, with its history; ETag is its revision."
    ),
    f"PUT {_ONE}": replace(_CHANGE, takes=Draft),
    f"POST {_ONE}/extend": replace(_CHANGE, takes=End),
    f"POST {_ONE}/end": _CHANGE,
    f"POST {_ONE}/cancel": _CHANGE,
    f"POST {_ONE}/silence": _CHANGE,
    f"GET {API}/windows": Operation(WindowPage, query=PAGING, means="A page, in order of their filing."),
    f"POST {API}/windows": replace(_FILE, gives=OneWindow, takes=WindowDraft),
    f"GET {API}/windows/{{id}}": Operation(OneWindow, means="It, with its next occurrences."),
    f"POST {API}/windows/{{id}}/cancel": Operation(
        OneWindow, Cancel, needs_body=False, means="It, as it stands now."
    ),
    f"GET {API}/hosts-off": Operation(HostsOff, means="The hosts."),
    f"PUT {_HOST}": Operation(OneDowntime, Off, needs_body=False, errors=(409, 503), means="Its downtime."),
    f"DELETE {_HOST}": Operation(HostBack, errors=(400, 503), means="What has ended."),
    f"GET {API}/active": Operation(
        Active, query={name: label(name) for name in sorted(LABELS)}, takes_labels=True,
        means="Whether it is down.",
    ),
    f"GET {API}/counts": Operation(dict[str, int], means="How many are upcoming, active, ended, cancelled."),
    f"GET {API}/export/json": Operation(
        DowntimesShown, query=FILTERS, takes_labels=True, headers=_IF_NONE_MATCH, means="All of them."
    ),
    f"GET {API}/export/gocdb": Operation(
        str, query={**FILTERS, **gocdb.PARAMETERS}, takes_labels=True, headers=_IF_NONE_MATCH,
        means="All of them.", content_type="application/xml",
    ),
    f"GET {API}/openapi.json": Operation(dict[str, Any], errors=(), means="The document."),
}  # fmt: skip
"""By method and path; a route that is not in it fails a test."""
