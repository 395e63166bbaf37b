"""The configuration file: one YAML document in UTF-8, read strictly, its sections checked by name."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

from stratoscope.core import files
from stratoscope.core.config_errors import got
from stratoscope.core.errors import ConfigError

SECTIONS: Final = ("clouds", "hypervisor", "management")
"""The sections a file may have: one file may serve every exporter."""

RESERVED: Final = frozenset({"vmprobe", "downtime", "accounting", "slurper", "userview"})
"""Those of exporters that are to come: left alone, and not offered."""

_MOST_KEYS: Final = 10_000
_DEEPEST: Final = 50
_TAG: Final = "tag:yaml.org,2002:"
_QUOTED: Final = re.compile(r" '(?!<)[^']{3,}'")
"""Words that PyYAML cites from the file, which may be a secret; its tokens, as '<scalar>', are none."""


class StrictLoader(yaml.SafeLoader):
    """Knows texts, lists and nothing else, but what is added; goes no deeper than Python's stack holds.

    Whatever it cannot read is a MarkedYAMLError, of a wrong tag, too.
    """

    yaml_constructors = {
        _TAG + name: yaml.SafeLoader.yaml_constructors[_TAG + name] for name in ("null", "str", "seq")
    } | {None: yaml.SafeLoader.construct_undefined}

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Goes down one level; not for ever, as Python's stack would not hold it."""
        self._depth += 1
        if self._depth > _DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # it has no types
            raise _wrong(f"nested more than {_DEEPEST} levels deep", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def scalar(self, node: yaml.ScalarNode) -> object:
        """What PyYAML makes of a number or a boolean, of which it reads some that nobody can write down."""
        try:
            made: object = yaml.SafeLoader.yaml_constructors[node.tag](self, node)
            str(made)
        except (ValueError, KeyError, IndexError) as error:  # PyYAML's own are not marked
            name = node.tag.removeprefix(_TAG)
            raise _wrong(f"{name} that cannot be read; quotes make it a text", node.start_mark) from error
        return made


class _Loader(StrictLoader):
    """Knows JSON's types only: a date is a text. A key stands but once, where YAML lets the last one win."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def mapping(self, node: yaml.Node) -> dict[Any, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise _wrong("expected a mapping", node.start_mark)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _wrong(f"the key `{key.value}` stands twice", key.start_mark)
            seen |= {key.value} if isinstance(key, yaml.ScalarNode) else set()
        self.flatten_mapping(node)
        return self.construct_mapping(node, deep=True)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merges `<<: *anchor`; not without a bound, as merges of merges grow without one."""
        super().flatten_mapping(node)
        if len(node.value) > _MOST_KEYS:
            raise _wrong(f"a mapping of more than {_MOST_KEYS} keys", node.start_mark)


_Loader.add_constructor(f"{_TAG}map", _Loader.mapping)
for _name in ("bool", "int", "float"):
    _Loader.add_constructor(_TAG + _name, _Loader.scalar)


def load(path: Path) -> dict[str, Any]:
    """The document of a configuration file; an empty one has no sections.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or has a section that does not exist; it names the
            flag or the line, the file, and what is wrong or allowed.
    """
    try:
        content = files.read(path)
    except ConfigError as error:
        raise ConfigError(f"--config.file: {path}: {error}") from error
    try:
        parsed = document(decoded(content))
    except ConfigError as error:
        raise ConfigError(f"{path}{error}") from error
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        allowed = ", ".join(SECTIONS)
        raise ConfigError(f"{path}: expected sections at the top, got {got(parsed)}; allowed: {allowed}")
    for section in parsed:
        if section not in RESERVED.union(SECTIONS):
            raise ConfigError(f"{path}: {section}: unknown section; allowed: {', '.join(SECTIONS)}")
    try:
        files.check_texts(parsed)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return parsed


def decoded(content: bytes) -> str:
    """A file's text. Raises ConfigError, which begins with `:LINE: `."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f":{line}: not UTF-8") from error


def document(text: str) -> object:
    """What a text in YAML holds, read strictly.

    Raises:
        ConfigError: It begins with `:LINE:COLUMN: `, and cites nothing that may be a secret.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        said = ": ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"{where}: {_QUOTED.sub('', said)}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f":{line}: the character U+{error.character:04X} is not allowed") from error


def _wrong(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
