"""What is down now: for programs that ask before they do something, such as the probe's `pause_url`."""

from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.api.answering import json_answer
from stratoscope.downtime.api.answers import Active
from stratoscope.downtime.draft import LABELS, FieldError
from stratoscope.downtime.model import State
from stratoscope.downtime.query import Query
from stratoscope.downtime.serving import answered, service


@answered
async def active(request: Request) -> web.StreamResponse:
    """Whether what has the labels of the query (`?cloud=&host=`) is in an active downtime, and until when.

    A downtime with a label that the query does not name is one of a part of it: it does not count.
    """
    served, query = service(request), request.http.query
    Query(query, LABELS, served.labels)  # checks them
    if not query:
        raise FieldError("cloud", "no label is named; allowed: such as ?cloud=uni&host=n1")
    now = served.second
    live = await served.store.live(now, ahead_s=1)
    found = [one for one in live if one.state(now) is State.ACTIVE and one.explains(query)]
    until = max((one.end for one in found), default=None)
    reason = "; ".join(one.title for one in found)
    return json_answer(Active(bool(found), until, reason, tuple(one.id for one in found)))


@answered
async def counts(request: Request) -> web.StreamResponse:
    """How many downtimes are in each state: all that is shown without a log-in."""
    served = service(request)
    return json_answer(await served.store.counts(served.second))
