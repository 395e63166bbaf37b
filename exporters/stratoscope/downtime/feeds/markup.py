"""XML documents. Characters that XML forbids are replaced; ElementTree escapes the others."""

from typing import Final
from xml.etree import ElementTree as ET

from stratoscope.downtime.text import clean

_HEAD: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def add(parent: ET.Element, tag: str, text: object, **attributes: str) -> None:
    """Add an element with a text; none for an empty text."""
    if text != "":
        ET.SubElement(parent, tag, attributes).text = clean(str(text))


def document(root: ET.Element) -> bytes:
    """The document, in UTF-8."""
    # As text, and encoded at once: ElementTree's own encoding takes twice the time.
    return _HEAD + ET.tostring(root, encoding="unicode").encode()
