"""How OpenStack's services write moments and addresses."""

import time


def moment(unix: float) -> str:
    """`2026-11-21T23:59:39Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix))


def micro(unix: float) -> str:
    """`2026-11-21T23:59:39.000000`: from a database that keeps seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime(unix))


def micro_or_none(unix: float | None) -> str | None:
    return None if unix is None else micro(unix)


def spaced(unix: float) -> str:
    """`2026-11-21 23:59:39`: Neutron's agents."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(unix))


def http_date(unix: float) -> str:
    """`Sat, 21 Nov 2026 23:59:39 GMT`."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(unix))


def ipv4(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def mac_address(own: int) -> str:
    return f"fa:16:3e:{own >> 16:02x}:{own >> 8 & 255:02x}:{own & 255:02x}"
