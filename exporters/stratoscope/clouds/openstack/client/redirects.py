"""Redirects of services: only from http to https of the same host a request is sent on, once, as it is.

One that loses the query would lead to other lists (one project's for all), another path to a log-in page.
"""

from typing import Final

from yarl import URL

from stratoscope.clouds.client.request import Method, Response

_SAME_METHOD: Final = frozenset({307, 308})
_FOLLOWED: Final = _SAME_METHOD | {301, 302}
"""Browsers follow these with a GET, whatever they had sent."""


def target(url: URL, answer: Response, method: Method = "GET") -> URL | None:
    """Where a request is to be sent once more; None where it is not: a token goes to no other host."""
    where = answer.headers.get("location")
    followed = _FOLLOWED if method == "GET" else _SAME_METHOD
    if answer.status not in followed or not where or url.scheme != "http":
        return None
    try:
        found = url.join(URL(where)).with_user(None).with_fragment(None)
    except ValueError:
        return None
    is_same = (found.host, found.path, found.query) == (url.host, url.path, url.query)
    return found if found.scheme == "https" and is_same else None
