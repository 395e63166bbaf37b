"""Reads rows from XML, one at a time: no tree of the whole document, no DTD, no entity, bounded depth."""

from collections.abc import Callable, Collection
from typing import Final, NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from stratoscope.downtime.imports.announced import DocumentError
from stratoscope.downtime.odd_answers import is_page

_DEEPEST: Final = 20
_MOST_PARTS: Final = 50_000
"""Elements in one row."""
_PIECE: Final = 1 << 16
_LONGEST_SAID: Final = 300


def read(body: bytes, root: str, tags: Collection[str], take: Callable[[Element], None]) -> None:
    """Give each element with one of these tags to `take`, without its tail.

    Args:
        root: The tag of the document's element.
        tags: An element within another that is taken is a part of that.

    Raises:
        DocumentError: It is no such document, cut short, or not allowed; or whatever `take` raises.
    """
    if is_page(body):
        raise DocumentError(f"an HTML page; expected <{root}>")
    parser = XMLParser(target=_Target(root, tags, take), forbid_dtd=True)
    try:
        for begin in range(0, len(body), _PIECE):
            parser.feed(body[begin : begin + _PIECE])
        parser.close()
    except DefusedXmlException as error:
        raise DocumentError(f"a DTD or entities, which are refused: {type(error).__name__}") from error
    except ParseError as error:
        raise DocumentError(f"no XML, or cut short: {error}") from error
    except (ValueError, LookupError) as error:  # an encoding that nobody knows
        raise DocumentError(f"no XML: {error}") from error


def child(element: Element, tag: str) -> str:
    """The text of the child with that tag, trimmed; "" without one."""
    return (element.findtext(tag) or "").strip()


class _Target:
    """What the parser tells: it builds one row at a time."""

    def __init__(self, root: str, tags: Collection[str], take: Callable[[Element], None]) -> None:
        self._root, self._tags, self._take = root, tags, take
        self._depth, self._parts = 0, 0
        self._row_depth = 0
        self._builder: TreeBuilder | None = None
        self._other_root, self._said = "", ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise DocumentError(f"nested more than {_DEEPEST} levels deep")
        if self._depth == 1 and tag != self._root:
            self._other_root = tag
        if self._builder is None and tag in self._tags:
            self._builder, self._row_depth, self._parts = TreeBuilder(), self._depth, 0
        if self._builder is not None:
            self._parts += 1
            if self._parts > _MOST_PARTS:
                raise DocumentError(f"more than {_MOST_PARTS} elements in one row")
            self._builder.start(tag, attributes)

    def data(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)
        elif self._other_root:
            self._said = (self._said + text)[:_LONGEST_SAID]

    def end(self, tag: str) -> None:
        if self._builder is not None:
            self._builder.end(tag)
            if self._depth == self._row_depth:
                row, self._builder = self._builder.close(), None
                self._take(row)
        self._depth -= 1
        if not self._depth and self._other_root:
            self._refuse()

    def close(self) -> None:
        """Nothing is left to do."""

    def _refuse(self) -> NoReturn:
        """GOCDB answers a wrong question with 200 and `<error>`."""
        said = f" that says: {' '.join(self._said.split())}" if self._said.strip() else ""
        raise DocumentError(f"it is <{self._other_root[:80]}>{said}; expected <{self._root}>")
