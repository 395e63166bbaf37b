"""XML as oned writes it, from mappings."""

import time
from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, tostring


def element(tag: str, value: object = None) -> Element:
    """An element of a mapping (children by name, a list repeats the name), of a scalar, or empty of None."""
    made = Element(tag)
    if isinstance(value, Mapping):
        for name, one in value.items():
            for part in one if isinstance(one, list) else (one,):
                made.append(part if isinstance(part, Element) else element(name, part))
    elif value is not None:
        made.text = str(value)
    return made


def document(tag: str, value: object = None) -> str:
    return tostring(element(tag, value), "unicode")


def pool(tag: str, items: Iterable[str]) -> str:
    """A pool of documents."""
    return f"<{tag}>{''.join(items)}</{tag}>"


def ids(numbers: Iterable[int]) -> dict[str, list[int]]:
    return {"ID": list(numbers)}


def stamped(unix: float, text: str) -> str:
    """A message with its moment: `Sat Nov 21 23:48:53 2026: ...`."""
    return f"{time.strftime('%a %b %d %H:%M:%S %Y', time.gmtime(unix))}: {text}"
