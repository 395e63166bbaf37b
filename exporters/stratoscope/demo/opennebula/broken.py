"""What faults do to an answer: a first item that is malformed, or no XML at all."""

from collections.abc import Callable, Mapping
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

from stratoscope.demo.faults import Fault

_HUGE: Final = 10 * 1024 * 1024
_GARBAGE: Final = "<html><body>This is not what you have asked for.</body>"


def broken(text: str, fault: Fault) -> str:
    """An answer whose first item is malformed, or that is no XML at all."""
    if fault.fault == "garbage":
        return fault.text or _GARBAGE
    try:
        root = fromstring(text)  # noqa: S314 - our own answer
    except ParseError:
        return text
    _BREAK[fault.variant](root[0] if len(root) and len(root[0]) else root)
    return tostring(root, "unicode")


def _set(path: str, text: str) -> Callable[[Element], None]:
    def change(item: Element) -> None:
        for one in item.findall(path):
            one.text = text

    return change


def _without(tag: str) -> Callable[[Element], None]:
    def change(item: Element) -> None:
        for one in item.findall(tag):
            item.remove(one)

    return change


def _emptied(item: Element) -> None:
    item.clear()
    item.text = "17"


_BREAK: Final[Mapping[str, Callable[[Element], None]]] = {
    "no_flavor": _without("TEMPLATE"),
    "null_host": _set("HISTORY_RECORDS/HISTORY/HOSTNAME", ""),
    "huge_name": _set("NAME", "x" * _HUGE),
    "no_id": _without("ID"),
    "no_object": _emptied,
    "odd_state": _set("STATE", "99"),
}
