"""What the text of an answer holds: a pool of items in XML, each decoded strictly and by itself."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

from lxml import etree

from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")
Element = etree._Element  # noqa: SLF001 - lxml has no other name for it

MIB: Final = 1 << 20
KIB: Final = 1 << 10
ADDRESSES: Final = ("IP", "IP6", "IP6_GLOBAL", "IP6_ULA")
"""Where a NIC has its addresses."""
_LONGEST: Final = 200
_UNDECODED: Final = (ValueError, KeyError, OverflowError)
AT_ONCE: Final = 1 << 16
"""Characters that are parsed before the items among them are taken."""
MOST_TAGS: Final = 400_000
"""Tags and attributes of one item, or of a document that is read as a whole: some 3,000 VMs. An element costs
some 200 bytes of memory, however short it is in the text, and each attribute as many."""
MOST: Final = float(1 << 60)
"""The largest number that makes sense, in base units: an exbibyte. A user may write any into a template, and
sums and products of what is believed must stay finite."""
MOST_PRICE: Final = 1e9
"""The same of a price of an hour."""
_ID: Final = re.compile(r"[0-9]{1,10}")
_LONG: Final = 1 << 20
"""Characters of a text from which it is left out: nothing that is read is so long, and libxml2 refuses a
document with a text of 10 MB, which a user may write into a template."""
_BEGIN, _END = "<![CDATA[", "]]>"
_TEXTS: Final = re.compile(r"<!\[CDATA\[.*?\]\]>", re.DOTALL)
_OPTIONS: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


class TooManyTagsError(ValueError):
    """An item, or what is between two, has more tags than any item has."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_TAGS:,} tags, which no item has")


def root(text: str) -> Element:
    """The document. Raises ValueError if it is none, or has a document type: no entity is ever resolved."""
    text = without_long_texts(text)
    if tags(text) > MOST_TAGS:
        plain = _TEXTS.sub("", text)  # users' texts have such characters, too
        # In a comment, `<![CDATA[` begins no text, and what follows is not to be passed over.
        _check_tags(tags(text if "<!--" in plain or "<?" in plain[1:] else plain))
    return _parsed(text)


def each(text: str, *wanted: str) -> Iterator[Element]:
    """The items of a pool, those with these tags: each is there until the next one is asked for.

    A large pool is parsed part by part: it takes longer, but needs no more memory than its text and an item.

    Raises:
        ValueError: As `root`; TooManyTagsError.
    """
    text = without_long_texts(text)
    if tags(text) <= MOST_TAGS:
        yield from _parsed(text).iterchildren(*wanted)
    else:
        yield from _each_in_parts(text, wanted)


def _parsed(text: str) -> Element:
    try:
        found = etree.fromstring(text.encode(), etree.XMLParser(**_OPTIONS))
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error
    _check_type(found)
    return found


def without_long_texts(text: str) -> str:
    """The same document with texts over a bound left empty. oned writes what users wrote as CDATA."""
    at, start, kept = 0, 0, list[str]()
    while len(text) - at > _LONG:
        end = text.rfind(_END, at, at + _LONG)
        if end >= 0:
            at = end + len(_END)
            continue
        begin = text.find(_BEGIN, at)
        end = text.find(_END, begin)
        if begin < 0 or end < 0:
            break
        if end - begin > _LONG:
            kept.append(text[start:begin])
            start = end + len(_END)
        at = end + len(_END)
    return "".join([*kept, text[start:]]) if kept else text


def _each_in_parts(text: str, wanted: tuple[str, ...]) -> Iterator[Element]:
    open_tags, pools = 0, list[Element]()  # the pool, once an item of it has begun
    parser = etree.XMLPullParser(("start", "end"), tag=wanted, **_OPTIONS)
    try:
        for start in range(0, len(text), AT_ONCE):
            part = text[start : start + AT_ONCE]
            in_part = tags(part)
            open_tags += in_part
            parser.feed(part)
            events = [*parser.read_events()]
            pools += [events[0][1].getroottree().getroot()] if events and not pools else []
            if open_tags > MOST_TAGS:  # some of them may stand in texts
                open_tags = in_part = sum(map(_elements, pools)) if pools else open_tags
                _check_tags(open_tags)
            ended = [element for event, element in events if event == "end"]
            of_pool = [element for element in ended if element.getparent() in pools]
            yield from of_pool  # without what is called as items are within one of them
            if of_pool:
                (pool,), last, open_tags = pools, of_pool[-1], in_part
                last.clear(keep_tail=True)
                del pool[: pool.index(last)]
        _check_type(parser.close())
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error


def tags(text: str) -> int:
    """The number of tags and attributes at most: some of what is counted may be quoted."""
    return text.count("<") + text.count("=")


def _elements(pool: Element) -> int:
    """The number of elements that are held, and of their attributes."""
    return sum(1 + len(one.attrib) for one in pool.iter())


def _check_tags(tags: int) -> None:
    if tags > MOST_TAGS:
        raise TooManyTagsError


def _check_type(found: Element) -> None:
    if found.getroottree().docinfo.doctype:
        raise ValueError("a document type, which no answer has")


def fields(element: Element | None) -> dict[str, str]:
    """The texts of an element's children, by tag; "" for one that is empty. Of several the last one."""
    return {} if element is None else {child.tag: child.text or "" for child in element}


def identity(element: Element) -> str:
    """An item's id; "" for none. It comes first, so that this is quicker than a search."""
    for child in element:
        if child.tag == "ID":
            return child.text or ""
    return ""


class Unchanged(Generic[T]):
    """Decodes an item again only if its XML has changed: of 10,000 VMs few do between two readings."""

    def __init__(self, decode: Callable[[Element], T]) -> None:
        self._decode = decode
        self._known: dict[str, tuple[int, T]] = {}

    def __call__(self, element: Element) -> T:
        """The item. Raises as `decode`."""
        text = etree.tostring(element, encoding="unicode")
        item, now = identity(element), hash(text)
        known = self._known.get(item)
        if known is None or known[0] != now:
            known = self._known[item] = (now, self._decode(element))
        return known[1]

    def keep(self, items: Iterable[str]) -> None:
        """Forget the items with other ids than these."""
        self._known = {item: self._known[item] for item in items if item in self._known}


class Malformed:
    """The items that make no sense. Attributes: number: Of them. first: What is wrong with the first one."""

    __slots__ = ("first", "number")

    def __init__(self) -> None:
        self.number, self.first = 0, ""

    def add(self, element: Element, error: Exception) -> None:
        self.number += 1
        if not self.first:
            item = f"{element.tag} {identity(element)[:20]}"
            self.first = f"{item}: {type(error).__name__}: {error}"[:_LONGEST]

    def skip(self, error: Exception) -> None:
        """Count an item that oned cannot even send."""
        self.number += 1
        self.first = self.first or str(error)[:_LONGEST]

    def check(self, what: str, good: int) -> None:
        """Raise CollectError `malformed` if all items of a pool are: 0 would be an invented value."""
        if self.number and not good:
            why = f"all {self.number} items are malformed: {self.first}"
            raise CollectError(Reason.MALFORMED, f"{what}: {why}")


def decoded(element: Element, decode: Callable[[Element], T], malformed: Malformed) -> Iterable[T]:
    """The item, or nothing if it makes no sense: then it is added to `malformed`."""
    try:
        return (decode(element),)
    except _UNDECODED as error:
        malformed.add(element, error)
        return ()


def amount(found: Mapping[str, str], name: str, unit: int = 1) -> int:
    """A number that is there, from 0 to MOST, in base units. Raises ValueError, KeyError."""
    return round(within(float(found[name]) * unit, name))


def within(number: float, name: str, most: float = MOST) -> float:
    """The number itself. Raises ValueError if it is negative, beyond what makes sense, or none."""
    if not 0 <= number <= most:
        raise ValueError(f"{name}: not from 0 to {most:g}")
    return number


def number(text: str) -> str:
    """An id as oned spells it, which is a number that is not negative. Raises ValueError.

    `int` alone also takes a sign, `1_0` and the digits of other scripts, which nobody can ask a handle for.
    """
    if _ID.fullmatch(text) is None:
        raise ValueError(f"{text[:20]!r} is no id")
    return str(int(text))


def optional(found: Mapping[str, str], name: str, unit: int = 1) -> int | None:
    """The same; None for one that is absent or empty."""
    return amount(found, name, unit) if found.get(name) else None


def sensible(found: Mapping[str, str], name: str, unit: int = 1) -> int | None:
    """A number as `amount` has it, in base units; None for one that is absent or makes no sense.

    For what must not cost the item itself: a size that a user wrote as `50G`, a sum that oned has counted
    down below 0 (until `onedb fsck`).
    """
    try:
        return amount(found, name, unit)
    except (ValueError, KeyError, OverflowError):
        return None


def decimal(found: Mapping[str, str], name: str, most: float = MOST) -> float | None:
    """The same with decimals."""
    try:
        return within(float(found[name]), name, most)
    except (ValueError, KeyError):
        return None


def ids(element: Element | None) -> list[str]:
    """The ids that an element lists."""
    return [] if element is None else [child.text or "" for child in element.iterchildren("ID")]
