"""Reads certificates: when a server's own expires, and which names a client's has."""

import base64
import datetime as dt
import ipaddress
import re
from collections.abc import Mapping
from typing import Final

_FIRST: Final = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.+?)-----END", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17
_LONG_FORM: Final = 0x80


def expires(pem: bytes) -> float:
    """Unix time at which the first certificate of an accepted file expires (RFC 5280, 4.1.2.5)."""
    fields = _items(_items(base64.b64decode(_FIRST.findall(pem)[0]))[0][1])
    of_tbs = _items(fields[0][1])
    validity = of_tbs[4 if of_tbs[0][0] == _VERSION else 3][1]
    kind, written = _items(validity)[1]
    form = "%y%m%d%H%M%SZ" if kind == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return dt.datetime.strptime(written.decode(), form).replace(tzinfo=dt.UTC).timestamp()


def _items(der: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each item of a DER sequence's content."""
    found, at = [], 0
    while at < len(der):
        tag, size, at = der[at], der[at + 1], at + 2
        if size & _LONG_FORM:
            digits = size - _LONG_FORM
            size, at = int.from_bytes(der[at : at + digits]), at + digits
        found.append((tag, der[at : at + size]))
        at += size
    return found


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
