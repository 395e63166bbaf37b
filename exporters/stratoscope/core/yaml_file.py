"""Files in YAML, read strictly: one document in UTF-8, of JSON's types; the configuration file is one."""

import re
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml

from stratoscope.core import files
from stratoscope.core.config_errors import got, not_text
from stratoscope.core.errors import ConfigError
from stratoscope.programs import EXPORTERS, TO_COME

NO_TEXT: Final = "a NUL or half a surrogate pair; allowed: characters that UTF-8 can hold"
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_MOST: Final = 100_000
_DEEPEST: Final = 50
_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = f"{_TAG}merge"
_TYPES: Final = ("null", "bool", "int", "float", "str", "seq", "map")
_TAB: Final = r"found character '\t'"
_QUOTED: Final = re.compile(r" '(?!<)[^']{3,}'")
"""Words that PyYAML cites from the file, which may be a secret; its tokens, as '<scalar>', are none."""


def plain(*types: str) -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """What words without quotes may be for a Loader besides texts, by their first letters."""
    return {
        first: [(tag, pattern) for tag, pattern in known if tag.removeprefix(_TAG) in types]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class Loader(yaml.SafeLoader):
    """PyYAML's, with JSON's types alone (a date is a text), and bounds.

    Whatever it cannot read is a MarkedYAMLError.
    """

    yaml_constructors: ClassVar = {
        tag: yaml.SafeLoader.yaml_constructors[tag] for tag in (None, *(_TAG + name for name in _TYPES))
    }
    yaml_implicit_resolvers = plain("null", "bool", "int", "float", "merge")

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._extents: dict[yaml.Node, tuple[int, int]] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Bounds depth and size: Python's stack holds no more, and aliases of aliases grow without end."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # it has no types
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _wrong(f"nested more than {_DEEPEST} levels deep", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.CollectionNode) and node not in self._extents:
            parts = [value for _, value in node.value] if isinstance(node, yaml.MappingNode) else node.value
            below = [self._extents.get(part, (1, 1)) for part in parts]
            size, height = 1 + sum(size for size, _ in below), 1 + max((high for _, high in below), default=0)
            if size > _MOST or height > _DEEPEST:
                allowed = f"allowed: {_MOST} values, {_DEEPEST} levels"
                raise _wrong(f"anchors make it too large; {allowed}", mark)
            self._extents[node] = size, height
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        self.check_keys(node)
        return node

    def check_keys(self, node: yaml.MappingNode) -> None:
        """Refuses a key that stands twice, where YAML lets the last one win. Raises MarkedYAMLError."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _wrong("a key must be a text", key.start_mark)
            if key.value in seen:
                raise _wrong(f"the key `{key.value}` stands twice", key.start_mark)
            seen.add(key.value)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:  # noqa: ARG002 - always deep
        """Refuses what contains itself, what cannot be written down, and texts that no file name can be."""
        if node.tag == _MERGE:
            raise _wrong("`<<` merges mappings; quotes make it a text", node.start_mark)
        try:
            made: object = super().construct_object(node, deep=True)
            text = str(made) if isinstance(node, yaml.ScalarNode) else ""
        except (ValueError, ArithmeticError, LookupError) as error:  # PyYAML's own are not marked
            name = node.tag.removeprefix(_TAG)
            raise _wrong(f"{name} that cannot be read; quotes make it a text", node.start_mark) from error
        if not is_text(text):
            raise _wrong(NO_TEXT, node.start_mark)
        return made


def load(path: Path, own: str = "") -> dict[str, Any]:
    """The document of a configuration file, which serves `own` and other exporters; an empty section is none.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or has a section that does not exist; it names the
            flag or the line, the file, and what is wrong or allowed.
    """
    parsed = document(files.read(path, "--config.file"), path)
    if parsed is None:
        return {}
    sections = ("clouds", *EXPORTERS)
    allowed = ", ".join(sections)
    if not isinstance(parsed, dict):
        raise ConfigError(f"{path}: expected sections at the top, got {got(parsed)}; allowed: {allowed}")
    for name in parsed:
        if not isinstance(name, str):
            raise ConfigError(f"{path}: {not_text(name)}")
        if name not in TO_COME.union(sections, {own}):
            raise ConfigError(f"{path}: {name}: unknown section; allowed: {allowed}")
    return {name: section for name, section in parsed.items() if section is not None}


def document(content: bytes, path: object, loader: type[Loader] = Loader) -> object:
    """What a file holds, read strictly.

    Raises:
        ConfigError: It names file, line and column, and cites nothing that may be a secret.
    """
    text = decoded(content, path)
    try:
        reader = loader(text)
        return reader.get_single_data()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{path}:{line}: the character U+{error.character:04X} is not allowed") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark or reader.get_mark()
        problem = ": ".join(part for part in (error.context, error.problem) if part)
        if _TAB in problem:
            problem = "a tab; allowed: spaces"
    except (ValueError, OverflowError):  # PyYAML makes a character of what is none
        mark, problem = reader.get_mark(), "an escape of no character"
    raise ConfigError(f"{path}:{mark.line + 1}:{mark.column + 1}: {_QUOTED.sub('', problem)}")


def decoded(content: bytes, path: object) -> str:
    """A file's text. Raises ConfigError, which names file and line."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from error


def is_text(value: str) -> bool:
    """Whether file names, labels and headers can hold it: no NUL, no lone surrogate."""
    return not _NO_TEXT.search(value)


def _wrong(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
