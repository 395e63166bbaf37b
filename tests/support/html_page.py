"""An HTML page as a person, or a screen reader, meets it: texts, links, tables."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final, TypeAlias
from urllib.parse import urljoin

_VOID: Final = {"meta", "link", "br", "input", "img", "hr"}


@dataclass
class Element:
    """An element with what it holds, in order."""

    tag: str
    attributes: dict[str, str]
    content: "list[Element | str]" = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that it shows, with single blanks."""
        return " ".join("".join(self._texts()).split())

    def all(self, tag: str, **attributes: str) -> "list[Element]":
        """The elements of that tag, and with these attributes, at any depth; `aria_label` is aria-label."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}.items()
        return [one for one in self._elements() if one.tag == tag and wanted <= one.attributes.items()]

    def one(self, tag: str, **attributes: str) -> "Element":
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    def everything(self) -> "list[Element]":
        return list(self._elements())

    def _elements(self) -> "Iterator[Element]":
        for one in self.content:
            if isinstance(one, Element):
                yield one
                yield from one._elements()

    def _texts(self) -> Iterator[str]:
        for one in self.content:
            if isinstance(one, Element):
                yield from one._texts()
            else:
                yield one


def refusal(page: str) -> str:
    """What the page says that refuses a request."""
    return parsed(page).one("p", **{"class": "notice failed"}).text


Row: TypeAlias = dict[str, str]
"""Column -> text of the cell."""


def _followed(name: str, value: str) -> str:
    """Where a link or a form leads, from the root on, as our pages have all of theirs."""
    is_address = name in {"href", "action"} and not value.startswith("#")
    return urljoin("http://here/", value).removeprefix("http://here") if is_address else value


def parsed(page: str, follow: Callable[[str, str], str] = _followed) -> Element:
    """Raises AssertionError where an element is not closed, or another one is."""
    parser = _Parser(follow)
    parser.feed(page)
    parser.close()
    assert len(parser.open) == 1, f"not closed: {parser.open[-1].tag}"
    return parser.open[0]


def as_written(page: str) -> Element:
    """As `parsed`, but each address as it stands in the page."""
    return parsed(page, follow=lambda _, value: value)


def rows(page: Element, caption: str) -> list[Row]:
    """Of the table that is called so."""
    (table,) = (one for one in page.all("table") if one.one("caption").text == caption)
    columns = [head.text for head in table.one("thead").all("th", scope="col")]
    return [dict(zip(columns, _cells(row, columns), strict=True)) for row in table.one("tbody").all("tr")]


def _cells(row: Element, columns: list[str]) -> list[str]:
    """Their texts; on a narrow screen each bears its column's name."""
    cells = [one for one in row.content if isinstance(one, Element)]
    named = [one.attributes.get("data-column", column) for one, column in zip(cells, columns, strict=True)]
    assert named == columns
    assert [one.attributes.get("scope") for one in cells if one.tag == "th"] == ["row"]
    return [one.text for one in cells]


class _Parser(HTMLParser):
    def __init__(self, follow: Callable[[str, str], str]) -> None:
        super().__init__()
        self._follow = follow
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: self._follow(name, value or "") for name, value in attrs})
        self.open[-1].content.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> ends <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)
