"""Whether a document has the shape of one of oned: names, their order, and types; the values are data.

Ours may have less than oned's, which is told by what exporters read; it has nothing of its own.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

OPEN = frozenset({"TEMPLATE", "USER_TEMPLATE"})
"""Under these stand attributes in any order, as those of vectors below them; some are data."""
SORTS = ("STATE", "LCM_STATE", "TYPE")
"""The values of these decide what else an item has."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def differences(theirs: Element, ours: Element, at: str = "") -> Iterator[str]:
    """What is different in our document, one line each; what is empty on either side is not compared."""
    at = f"{at}/{theirs.tag}"
    if theirs.tag != ours.tag:
        yield f"{at}: {ours.tag}"
    elif len(theirs) and len(ours):
        yield from _of_children(theirs, ours, at)
    elif len(theirs) or len(ours):
        if (theirs.text or "").strip() or (ours.text or "").strip():
            yield f"{at}: one has children, the other one a text"
    elif theirs.text and ours.text and _is_number(theirs) != _is_number(ours):
        yield f"{at}: {ours.text!r}, theirs is {theirs.text!r}"


def _of_children(theirs: Element, ours: Element, at: str) -> Iterator[str]:
    names, own = _names(theirs), _names(ours)
    is_open = theirs.tag in OPEN
    if is_open or not OPEN.isdisjoint(at.split("/")):
        names_fit = is_open or set(own) <= set(names)
    else:
        names_fit = [name for name in names if name in own] == own
    if not names_fit:
        yield f"{at}: has {own}, theirs has {names}"
    for name in names:
        for one in theirs.findall(name):
            others = [other for other in ours.findall(name) if _is_of_a_sort(one, other)]
            found = [list(differences(one, other, at)) for other in others or ours.findall(name)]
            if found and all(found):
                yield from min(found, key=len)


def _names(item: Element) -> list[str]:
    """The names of the children; each once, where it is first."""
    return list(dict.fromkeys(child.tag for child in item))


def _is_of_a_sort(theirs: Element, ours: Element) -> bool:
    return all(theirs.findtext(name) == ours.findtext(name) for name in SORTS)


def _is_number(item: Element) -> bool:
    return _NUMBER.fullmatch(item.text or "") is not None
