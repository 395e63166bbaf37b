"""Answers with a document: nothing if the client has it, else in pieces, with gzip if the client takes it."""

import datetime as dt
from email.utils import formatdate

from aiohttp import hdrs, web

from stratoscope.core.web.negotiate import accepts_gzip
from stratoscope.core.web.scrape import send
from stratoscope.downtime.feeds.documents import Document


async def answer(http: web.Request, document: Document) -> web.StreamResponse:
    """200 with the document; 304 if it still says what the client has."""
    headers: dict[str, str] = {
        hdrs.CONTENT_TYPE: document.content_type,
        hdrs.ETAG: f'W/"{document.tag}"',  # weak: the bytes are others with gzip
        hdrs.LAST_MODIFIED: formatdate(document.changed_at, usegmt=True),
        hdrs.VARY: "Accept-Encoding",
    }
    if _has(http, document):
        del headers[hdrs.CONTENT_TYPE]
        return web.Response(status=304, headers=headers)
    gzip = accepts_gzip(",".join(http.headers.getall(hdrs.ACCEPT_ENCODING, ())))
    return await send(http, [document.body], gzip=gzip, headers=headers)


def _has(http: web.Request, document: Document) -> bool:
    """Whether the client has it already, RFC 9110, 13.2.2: the tag counts, and without one the moment."""
    tags = http.if_none_match
    if tags is not None:
        return any(one.value in {document.tag, "*"} for one in tags)
    since = http.if_modified_since
    return since is not None and dt.datetime.fromtimestamp(document.changed_at, dt.UTC) <= since
