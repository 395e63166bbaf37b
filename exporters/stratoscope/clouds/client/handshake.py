"""What is wrong with a handshake as one line, with the remedy if a newer Python is stricter."""

import ssl
from typing import Final

_STRICT: Final = range(80, 94)
"""OpenSSL's codes of faults that only strict checks reject (X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA to
X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3): Python 3.13 and newer make them."""


_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
"""OpenSSL's words, which differ by release, for an answer that is no TLS at all."""


def failed(error: ssl.SSLError) -> str:
    """Why there is no connection, in words that name what to change."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return refused(error)
    reason: str | None = getattr(error, "reason", None)  # Python's own errors lack it
    if reason in _NO_TLS:
        return f"it does not speak TLS ({reason}): a wrong port, or one without TLS (http, amqp)"
    return reason or str(error)


def refused(error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate was refused."""
    why = error.verify_message or str(error)
    if error.verify_code in _STRICT:
        why += (
            "; Python 3.13 and newer check certificates strictly: the authority must make them anew"
            " (docs/management.md, Private authorities)"
        )
    return f"certificate verify failed: {why}"
