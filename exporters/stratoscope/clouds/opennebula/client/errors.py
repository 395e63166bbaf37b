"""What oned's errors mean: it answers 200 to all of them, with a code and a text."""

from http import HTTPStatus
from typing import Final

from stratoscope.clouds.client.confidence import Confidence
from stratoscope.clouds.client.request import CallError, Response
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason

AUTHENTICATION: Final = 0x100
ACTION: Final = 0x800
_AUTHORIZATION: Final = 0x200
_NO_EXISTS: Final = 0x400
_NO_METHOD: Final = -506
_IN_SERVER: Final = -500
_NO_UTF8: Final = "not valid UTF-8"
_REASONS: Final = {
    AUTHENTICATION: Reason.UNAUTHORIZED,
    ACTION: Reason.UNAVAILABLE,  # not in this state, no capacity
    0x1000: Reason.MALFORMED,  # API: a parameter that this oned does not take
    0x2000: Reason.UNAVAILABLE,  # INTERNAL, also a template that makes no sense
    0x4000: Reason.UNAVAILABLE,  # ALLOCATE: a name that is taken
    0x8000: Reason.BUSY,  # LOCKED
    0x10000: Reason.UNAVAILABLE,  # REPLICATION: no leader
    _IN_SERVER: Reason.UNAVAILABLE,  # XML-RPC: an error within the server
    -501: Reason.MALFORMED,  # XML-RPC: wrong parameters
    -503: Reason.MALFORMED,  # XML-RPC: a call that cannot be read
}
_OF_PROXIES: Final = {401: Reason.UNAUTHORIZED, 403: Reason.UNAUTHORIZED}
_ELSEWHERE: Final = frozenset({404, 405, 501})
"""What a server that is no oned, or has it at another path, answers to a POST."""
_QUOTA: Final = ("limit of ", " quota")


class RefusedError(CollectError):
    """oned itself answered that it does not do a call.

    Attributes:
        code: As of Answer.
    """

    def __init__(self, reason: Reason, message: str, code: int) -> None:
        super().__init__(reason, message)
        self.code = code


class NoTextError(RefusedError):
    """One of the objects that were asked for has half a character in a text: oned can send none of them."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(Reason.MALFORMED, message, code)


class QuotaError(CollectError):
    """A quota has no room. It has the code of a missing right (0x200): the text alone tells them apart."""

    def __init__(self, message: str) -> None:
        super().__init__(Reason.BUSY, message)


def error(what: str, code: int, text: str) -> CollectError | LeftOutError:
    """The exception for a failure that oned tells.

    Args:
        what: The call, for the message.
        code: As of Answer.
    """
    message = f"{what}: {text.strip() or 'no text'} (code {code if code < 0 else hex(code)})"
    if code == AUTHENTICATION:
        message += "; what is refused stands in credentials_file"
    if code == _AUTHORIZATION:
        is_quota = all(word in text for word in _QUOTA)
        return QuotaError(message) if is_quota else ForbiddenError(message)
    if code == _NO_EXISTS:
        return NotThereError(message)
    if code == _NO_METHOD:
        return LeftOutError(LeftOut.ABSENT, message)
    if code == _IN_SERVER and _NO_UTF8 in text:
        return NoTextError(message, code)
    return RefusedError(_REASONS.get(code, Reason.MALFORMED), message, code)


def of_status(what: str, answer: Response, hidden: Confidence) -> CallError:
    """The exception for an answer that oned does not give: one of a proxy, or of another server.

    Args: hidden: What was sent with the call, and may be cited.
    """
    where = hidden.text(answer.headers.get("location", ""))
    text = f": a redirect to {where}, which is not followed" if where else ""
    if answer.status in _ELSEWHERE and not answer.through:
        text += "; endpoint is not that of oned's XML-RPC, such as `http://one.example.org:2633/RPC2`"
    reason = _OF_PROXIES.get(answer.status, Reason.UNAVAILABLE)
    message = f"{what}: answered {answer.status}{answer.through}{text}"
    is_refusal = answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return CallError(reason, message, str(answer.status), may_be_done=not is_refusal)
