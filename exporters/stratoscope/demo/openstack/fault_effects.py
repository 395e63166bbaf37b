"""What faults do to a response of OpenStack: a malformed item, or no JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from stratoscope.demo.faults import Fault

_HUGE: Final = 10 * 1024 * 1024
_GARBAGE: Final = "<html><body>This is not what you have asked for.</body></html>"


def broken(body: bytes, fault: Fault) -> bytes:
    """A body whose first item is malformed, or that is no JSON at all."""
    if fault.fault == "garbage":
        return (fault.text or _GARBAGE).encode()
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    for key, value in document.items() if isinstance(document, dict) else ():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value[0] = _BREAK[fault.variant](value[0])
            break
        if isinstance(value, dict):
            document[key] = _BREAK[fault.variant](value)
            break
    return msgspec.json.encode(document)


_BREAK: Final[Mapping[str, Callable[[dict[str, Any]], object]]] = {
    "no_flavor": lambda item: {key: value for key, value in item.items() if key != "flavor"},
    "null_host": lambda item: {**item, "OS-EXT-SRV-ATTR:host": None},
    "huge_name": lambda item: {**item, "name": "x" * _HUGE},
    "no_id": lambda item: {key: value for key, value in item.items() if key not in ("id", "uuid")},
    "no_object": lambda _: 17,
    "odd_state": lambda item: {**item, "status": "ODD"},
}
