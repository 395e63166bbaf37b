"""XML as oned writes it, from mappings."""

import time
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, tostring


def document(tag: str, value: object = None) -> str:
    """A document of a mapping (children by name, a list repeats the name), of a scalar, or empty of None."""
    return tostring(_element(tag, value), "unicode")


def pool(tag: str, items: Iterable[str], tail: str = "") -> str:
    """A pool of documents."""
    return f"<{tag}>{''.join(items)}{tail}</{tag}>"


def ids(numbers: Iterable[int]) -> dict[str, list[int]]:
    return {"ID": list(numbers)}


def stamped(unix: float, text: str) -> str:
    """A message with its moment: `Sat Nov 21 23:48:53 2026: ...`."""
    return f"{time.strftime('%a %b %d %H:%M:%S %Y', time.gmtime(unix))}: {text}"


def decimal(value: float) -> str:
    """Without a fraction where there is none: `0.25`, `4`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _element(tag: str, value: object) -> Element:
    made = Element(tag)
    if isinstance(value, Mapping):
        for name, one in value.items():
            made.extend(_element(name, part) for part in (one if isinstance(one, list) else (one,)))
    elif value is not None:
        made.text = str(value)
    return made
