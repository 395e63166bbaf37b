"""Reads certificates: when a server's own expires, and which names a client's has."""

import base64
import datetime as dt
import ipaddress
import re
from collections.abc import Mapping
from typing import Final

_FIRST: Final = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.+?)-----END", re.DOTALL)
_NOT_AFTER: Final = re.compile(rb"\dZ(?:\x17\x0d|\x18\x0f)(\d+)Z")
"""In DER, the only moment that follows another; each is a UTCTime (0x17) or a GeneralizedTime (0x18)."""
_YEAR_OF_TWO_DIGITS: Final = 12


def expires(pem: bytes) -> float:
    """Unix time at which the first certificate of an accepted file expires (RFC 5280, 4.1.2.5)."""
    written = _NOT_AFTER.findall(base64.b64decode(_FIRST.findall(pem)[0]))[0].decode()
    form = "%y%m%d%H%M%S" if len(written) == _YEAR_OF_TWO_DIGITS else "%Y%m%d%H%M%S"
    return dt.datetime.strptime(written, form).replace(tzinfo=dt.UTC).timestamp()


def names_of(certificate: Mapping[str, object]) -> frozenset[str]:
    """The subject alternative names of a certificate as `getpeercert` gives it: DNS, e-mail, IP, URI."""
    alternatives = certificate.get("subjectAltName", ())
    assert isinstance(alternatives, tuple)  # noqa: S101 - getpeercert's shape
    return frozenset(_address(name) if kind == "IP Address" else name for kind, name in alternatives)


def _address(text: str) -> str:
    """OpenSSL spells IPv6 at full length and in capitals; configurations do not."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:  # an address of 5 bytes: OpenSSL says <invalid>
        return text
