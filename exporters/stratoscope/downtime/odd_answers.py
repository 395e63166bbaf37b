"""What a server answers that is not what was asked for: a page for people, a redirect."""

import re
from typing import Final

from yarl import URL

from stratoscope.clouds.client.request import Response

REDIRECTS: Final = range(300, 400)
_PAGE: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|br)\b", re.IGNORECASE)


def is_page(body: bytes) -> bool:
    """Whether it is an HTML page, such as one for a log-in, whatever its header says."""
    return _PAGE.match(body) is not None


def content_type(answer: Response) -> str:
    """For words: `text/html; charset=utf-8`."""
    return answer.headers.get("content-type", "") or "no Content-Type"


def target(url: URL, answer: Response) -> URL | None:
    """Where a redirect leads, without user, query and fragment; None if it does not say so.

    Args:
        url: What was asked for.
    """
    location = answer.headers.get("location", "")
    if not location:
        return None
    try:
        found = url.join(URL(location))
        return found.with_user(None).with_query(None).with_fragment(None) if found.host else None
    except ValueError:
        return None
