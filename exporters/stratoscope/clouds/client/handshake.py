"""The fault of a certificate as one line, with the remedy if a newer Python is stricter."""

import ssl
from typing import Final

_STRICT: Final = range(80, 94)
"""OpenSSL's codes of faults that only strict checks reject (X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA to
X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3): Python 3.13 and newer make them."""


def refused(error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate was refused."""
    why = error.verify_message or str(error)
    if error.verify_code in _STRICT:
        why += (
            "; Python 3.13 and newer check certificates strictly: the authority must make them anew"
            " (docs/management.md, Private authorities)"
        )
    return f"certificate verify failed: {why}"
