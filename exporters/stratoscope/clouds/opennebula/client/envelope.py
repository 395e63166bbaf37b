"""XML-RPC: the body of a call, and the answer in it.

Answers are read with expat: an answer is one text of many MB, and libxml2 refuses a text over 10 MB. What the
text holds is read with lxml, see items.py.
"""

import codecs
from typing import Final, NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape

_SCALARS: Final = frozenset({"boolean", "string", "i4", "int", "i8", "double", "name"})
_CONTROL: Final = bytes({*range(0x20)} - {*b"\t\n\r"})
"""Bytes that no XML may have, and that texts of drivers have: one would cost the whole pool."""
_UTF8: Final = codecs.getincrementaldecoder("utf-8")
_AT_ONCE: Final = 1 << 20
_DEEPEST: Final = 32
_MOST: Final = 200
"""Elements of an answer: a fault has 13, and what a pool holds is one text."""


class Answer(NamedTuple):
    """What oned answered.

    Attributes:
        is_ok: Whether it did what was asked.
        value: What was asked for, in most cases XML; else why not.
        code: Of the failure: oned's own (0x100 ...), or that of an XML-RPC fault (-501 ...); 0 for none.
    """

    is_ok: bool
    value: str
    code: int = 0


def call(method: str, *params: str | int | bool) -> bytes:
    """The body of a call."""
    values = "".join(f"<param><value>{_value(one)}</value></param>" for one in params)
    name = f"<methodName>{method}</methodName>"
    return f'<?xml version="1.0"?><methodCall>{name}<params>{values}</params></methodCall>'.encode()


def answer(body: bytes) -> Answer:
    """The answer in a body. Raises ValueError if there is none: cut off, no XML-RPC, a document type."""
    found = _Scalars().read(body)
    values = [text for tag, text in found if tag != "name"]
    if found and found[0][0] == "name":  # a fault is a struct, and an answer is an array
        named = dict(zip((text for tag, text in found if tag == "name"), values, strict=False))
        return Answer(is_ok=False, value=named.get("faultString", ""), code=int(named["faultCode"]))
    if len(values) < 2 or found[0][0] != "boolean":  # noqa: PLR2004 - whether it was done, and the value
        raise ValueError("no answer of XML-RPC")
    if values[0] == "1":
        return Answer(is_ok=True, value=values[1])
    return Answer(is_ok=False, value=values[1], code=int(values[2]))


def _value(one: str | int | bool) -> str:
    if isinstance(one, bool):
        return f"<boolean>{int(one)}</boolean>"
    return f"<i4>{one}</i4>" if isinstance(one, int) else f"<string>{escape(one)}</string>"


class _Scalars:
    """The values of a document, and the names of members, in their order.

    Texts are collected as UTF-8, which needs less memory than many strings.
    """

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []
        self._text = bytearray()
        self._depth = self._elements = 0

    def read(self, body: bytes) -> list[tuple[str, str]]:
        parser = expat.ParserCreate()
        whole = _UTF8("replace")  # half a character in one text would cost the whole pool, too
        parser.buffer_text, parser.buffer_size = True, _AT_ONCE
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._add
        try:
            for start in range(0, len(body), _AT_ONCE):
                part = body[start : start + _AT_ONCE].translate(None, _CONTROL)
                parser.Parse(whole.decode(part).replace("\ufffe", "").replace("\uffff", ""), False)
            parser.Parse(whole.decode(b"", final=True), True)
        except expat.ExpatError as error:
            raise ValueError(f"no XML: {error}") from error
        return self._found

    def _doctype(self, *_: object) -> None:
        raise ValueError("a document type, which no answer has")

    def _add(self, part: str) -> None:
        self._text += part.encode()

    def _start(self, *_: object) -> None:
        self._text.clear()
        self._depth += 1
        self._elements += 1
        if self._depth > _DEEPEST:
            raise ValueError("deeper than any answer")
        if self._elements > _MOST:
            raise ValueError("more elements than any answer has")

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if tag in _SCALARS:
            self._found.append((tag, self._text.decode()))
        self._text.clear()
