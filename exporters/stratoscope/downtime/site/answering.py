"""What a page's handler raises, as a page that says what is wrong."""

from functools import wraps
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from stratoscope.core.web.routes import Answer, Request
from stratoscope.downtime.serving import answered

_WRONG: Final = 400


def answered_by_a_page(handler: Answer) -> Answer:
    """The handler, with its errors as pages with the words of `answered`; redirects stay."""
    answer_in_words = answered(handler)

    @wraps(handler)
    async def answer(request: Request) -> web.StreamResponse:
        try:
            return await answer_in_words(request)
        except web.HTTPException as error:
            if error.status < _WRONG:
                raise
            heading = HTTPStatus(error.status).phrase
            page = request.page("refused.html", status=error.status, heading=heading, why=error.text)
            if hdrs.RETRY_AFTER in error.headers:
                page.headers[hdrs.RETRY_AFTER] = error.headers[hdrs.RETRY_AFTER]
            return page

    return answer
