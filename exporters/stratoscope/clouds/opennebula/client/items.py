"""What the text of an answer holds: a pool of items in XML, each decoded strictly and by itself."""

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from lxml import etree

from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")
Element = etree._Element  # noqa: SLF001 - lxml has no other name for it

MIB: Final = 1 << 20
KIB: Final = 1 << 10
_LONGEST: Final = 200
_UNDECODED: Final = (ValueError, KeyError, OverflowError)


def root(text: str) -> Element:
    """The document. Raises ValueError if it is none, or has a document type: no entity is ever resolved."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        found = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error
    if found.getroottree().docinfo.doctype:
        raise ValueError("a document type, which no answer has")
    return found


def fields(element: Element | None) -> dict[str, str]:
    """The texts of an element's children, by tag; "" for one that is empty. Of several the last one."""
    return {} if element is None else {child.tag: child.text or "" for child in element}


def identity(element: Element) -> str:
    """An item's id; "" for none. It comes first, so that this is quicker than a search."""
    return next((child.text or "" for child in element if child.tag == "ID"), "")


class Unchanged(Generic[T]):
    """Decodes an item again only if its XML has changed: of 10,000 VMs few do between two readings."""

    def __init__(self, decode: Callable[[Element], T]) -> None:
        self._decode = decode
        self._known: dict[str, tuple[int, T]] = {}

    def __call__(self, element: Element) -> T:
        """The item. Raises as `decode`."""
        item, now = identity(element), hash(etree.tostring(element))
        known = self._known.get(item)
        if known is None or known[0] != now:
            known = self._known[item] = (now, self._decode(element))
        return known[1]

    def keep(self, items: Iterable[str]) -> None:
        """Forget the items with other ids than these."""
        self._known = {item: self._known[item] for item in items if item in self._known}


def decoded(elements: Iterable[Element], decode: Callable[[Element], T], malformed: list[str]) -> list[T]:
    """The items that make sense; what is wrong with each of the others is appended to `malformed`."""
    good = []
    for element in elements:
        try:
            good.append(decode(element))
        except _UNDECODED as error:
            item = f"{element.tag} {identity(element)[:20]}"
            malformed.append(f"{item}: {type(error).__name__}: {error}"[:_LONGEST])
    return good


def check(what: str, good: int, malformed: list[str]) -> None:
    """Raise CollectError `malformed` if all items of a pool are: 0 would be an invented value."""
    if malformed and not good:
        why = f"all {len(malformed)} items are malformed: {malformed[0]}"
        raise CollectError(Reason.MALFORMED, f"{what}: {why}")


def amount(found: dict[str, str], name: str, unit: int = 1) -> int:
    """A number that is there and not negative, in base units. Raises ValueError, KeyError."""
    number = round(float(found[name]) * unit)
    if number < 0:
        raise ValueError(f"{name}: negative")
    return number


def optional(found: dict[str, str], name: str, unit: int = 1) -> int | None:
    """The same; None for one that is absent or empty."""
    return amount(found, name, unit) if found.get(name) else None


def ids(element: Element | None) -> list[str]:
    """The ids that an element lists."""
    return [] if element is None else [child.text or "" for child in element.iterchildren("ID")]
