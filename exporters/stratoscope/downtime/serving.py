"""What the routes of this exporter need: the open part, and errors of the store as answers of HTTP."""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Final

from aiohttp import web

from stratoscope.core.errors import CollectError
from stratoscope.core.web.routes import Answer, Request
from stratoscope.downtime.database.errors import (
    ClosedError,
    EndedByHandError,
    IdempotencyError,
    NotSilencingError,
    OverCapError,
    RevisionError,
    SourceError,
    StoreError,
    TooManyWindowsError,
    UnknownError,
)
from stratoscope.downtime.database.store import Store
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.editing import ADMIN, Editor, NotAllowedError
from stratoscope.downtime.feeds.documents import AskerBusyError, Documents
from stratoscope.downtime.feeds.settings import FeedSettings
from stratoscope.downtime.imports.report import Report as ImportReport
from stratoscope.downtime.model import LONGEST_REARMED_S, Downtime
from stratoscope.downtime.silences.alertmanager import Alertmanager
from stratoscope.downtime.silences.report import Report as SilenceReport
from stratoscope.downtime.silences.words import silencing_of

_RETRY_S: Final = "10"
PART: Final = "downtimes"
"""The part of the exporter whose value is a Service."""
NOT_KNOWN: Final = "whether it silences is not known"
_ANSWERS: Final[Sequence[tuple[type[Exception], type[web.HTTPException]]]] = (
    (FieldError, web.HTTPBadRequest),
    (NotAllowedError, web.HTTPForbidden),
    (UnknownError, web.HTTPNotFound),
    (RevisionError, web.HTTPPreconditionFailed),
    (ClosedError, web.HTTPConflict),
    (NotSilencingError, web.HTTPConflict),
    (SourceError, web.HTTPConflict),
    (OverCapError, web.HTTPConflict),
    (EndedByHandError, web.HTTPConflict),
    (IdempotencyError, web.HTTPConflict),
    (TooManyWindowsError, web.HTTPConflict),
    (StoreError, web.HTTPServiceUnavailable),
    (AskerBusyError, web.HTTPTooManyRequests),
    (CollectError, web.HTTPServiceUnavailable),
)


@dataclass(frozen=True, slots=True)
class Service:
    """The open part.

    Attributes:
        labels: That matchers may name beside draft.LABELS.
        changed: Called when downtimes have changed, so that silences follow at once.
        now: Unix time.
        url: Where people reach this exporter, without a slash at the end; "" if it is not known.
        feeds: By the hash of their tokens.
        documents: Makes feeds and exports.
        clouds: The names of `clouds:`; a script may name no other, unless there are none.
        hosts_cap_s: For so long a host may be off.
        zone: In which pages show times.
        alertmanagers: That are asked for their alerts.
        silences, imports: How they stand.
    """

    store: Store
    labels: Sequence[str] = ()
    changed: Callable[[], None] = lambda: None
    now: Callable[[], float] = time.time
    url: str = ""
    feeds: Mapping[str, FeedSettings] = field(default_factory=dict)
    documents: Documents = field(default_factory=Documents)
    clouds: Sequence[str] = ()
    hosts_cap_s: int = LONGEST_REARMED_S
    zone: dt.tzinfo = dt.UTC
    alertmanagers: Sequence[Alertmanager] = ()
    silences: Callable[[], Sequence[SilenceReport]] = tuple
    imports: Callable[[], Sequence[ImportReport]] = tuple

    @property
    def second(self) -> int:
        """Unix time in whole seconds."""
        return int(self.now())

    async def silencing(self, downtime: Downtime, now: int) -> str:
        """Whether its alerts are silenced, in words; if that cannot be read, too: what is filed is filed."""
        try:
            records = await self.store.records.of_downtime(downtime.id)
        except StoreError as error:
            return f"{NOT_KNOWN}: {error}"
        return silencing_of(downtime, now, self.silences(), records)


def service(request: Request) -> Service:
    """The open part. Raises NotOpenedError."""
    found: Service = request.opened[PART]
    return found


def editor(request: Request) -> Editor:
    """Who asks, as somebody who may change downtimes. Raises NotOpenedError."""
    served = service(request)
    return Editor(
        store=served.store, labels=served.labels, changed=served.changed, who=request.asker.name,
        is_admin=ADMIN in request.asker.roles, now=served.second,
    )  # fmt: skip


def answered(handler: Answer) -> Answer:
    """The handler, with its errors as answers of one line: what is wrong, and what is allowed.

    Where the database is, only who has a role is told.
    """

    @wraps(handler)
    async def answer(request: Request) -> web.StreamResponse:
        try:
            _check_path(request)
            return await handler(request)
        except tuple(kind for kind, _ in _ANSWERS) as error:
            status = next(status for kind, status in _ANSWERS if isinstance(error, kind))
            later = {"Retry-After": _RETRY_S} if isinstance(error, CollectError) else None
            names_database = isinstance(error, StoreError) and not request.asker.roles
            text = "the database cannot be used; who has a role is told why" if names_database else str(error)
            raise status(text=f"{text}\n", headers=later) from error

    return answer


def _check_path(request: Request) -> None:
    """Raises FieldError: A variable of the path that no database takes."""
    for name, value in request.http.match_info.items():
        if not value.isprintable():
            raise FieldError(name, f"{value[:40]!r}; allowed: characters that can be printed")
