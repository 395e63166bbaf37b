"""What the pages tell to type: flags that the commands take, and paths that the clone has."""

import argparse
import re
import shlex
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from stratoscope.__main__ import main

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS: Final = (
    "alertmanager",
    "docs",
    "exporters",
    "grafana",
    "helm",
    "prometheus",
    "requirements",
    "scripts",
    "systemd",
    "tests",
)
"""Those at the top of the clone, with which a path in a command begins."""
LACKS: Final = "the following arguments are required"


class Taken(BaseException):
    pass


def lines_to_type(page: Path) -> list[str]:
    """The lines of its blocks, without their remarks; what a backslash continues is one."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return [re.sub(r"\s+(#.*|&)$", "", line) for line in re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE)]


def mentioned(page: Path) -> list[str]:
    return re.findall(r"`((?:\.venv/bin/)?stratoscope [^`]+)`", page.read_text(encoding="utf-8"))


def arguments(line: str) -> list[str] | None:
    """What follows `stratoscope`; None of another command, and of a synopsis."""
    found = re.fullmatch(r"(?:\w+=\S* )*(?:\.venv/bin/)?stratoscope (.+)", line)
    if found is None or re.search(r"[\[|]|\.\.\.|\b(EXPORTER|COMMAND)\b", line):
        return None
    return shlex.split(re.sub(r"\$\(.*?\)", "X", found[1]))


@pytest.fixture
def refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Sequence[str]], str]:
    """What `stratoscope` says against these arguments; it goes no further than to its flags."""
    parse, depth = argparse.ArgumentParser.parse_known_args, [0]

    def parsed(self: argparse.ArgumentParser, *given: Any, **more: Any) -> Any:
        depth[0] += 1
        try:
            found = parse(self, *given, **more)
        finally:
            depth[0] -= 1
        if depth[0] == 0 and not found[1]:
            raise Taken
        return found

    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parsed)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def refused(words: Sequence[str]) -> str:
        try:
            status = main(words)
        except Taken:
            return ""
        said = capsys.readouterr()
        return "" if status == 0 else said.err or said.out

    return refused


def test_commands_of_blocks_can_be_typed(refusal: Callable[[Sequence[str]], str]) -> None:
    typed = {(page.name, line): arguments(line) for page in PAGES for line in lines_to_type(page)}
    commands = {where: words for where, words in typed.items() if words is not None}
    assert {where: said for where, words in commands.items() if (said := refusal(words))} == {}
    assert len(commands) > 25


def test_commands_in_sentences_exist_with_their_flags(refusal: Callable[[Sequence[str]], str]) -> None:
    """They may leave out what is required."""
    named = {(page.name, line): arguments(line) for page in PAGES for line in mentioned(page)}
    commands = {where: words for where, words in named.items() if words is not None}
    wrong = {
        where: said for where, words in commands.items() if (said := refusal(words)) and LACKS not in said
    }
    assert wrong == {}
    assert len(commands) > 20


def test_a_wrong_flag_and_a_wrong_command_are_refused(refusal: Callable[[Sequence[str]], str]) -> None:
    assert "--vm" in refusal(["demo-cloud", "--vm=3"])
    assert "'coffee'" in refusal(["coffee"])
    assert "'coffee'" in refusal(["downtime", "coffee"])


def test_paths_that_commands_name_are_in_the_clone() -> None:
    lines = [(page.name, line) for page in PAGES for line in lines_to_type(page)]
    lines += [
        (page.name, line)
        for page in PAGES
        for line in re.findall(
            r"`((?:\S*python|diff|install|sed|scripts/)[^`]*)`", page.read_text(encoding="utf-8")
        )
    ]
    paths = {
        (page, word)
        for page, line in lines
        for word in re.findall(rf"(?<!\S)((?:{'|'.join(FOLDERS)})/[\w./*-]+)(?!\S)", line)
    }
    assert {(page, path) for page, path in paths if not list(ROOT.glob(path.rstrip("/")))} == set()
    assert len(paths) > 8


def test_python_in_commands_is_that_of_the_clone() -> None:
    """`python` is not on every PATH, and has nothing of what the clone's scripts import."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    found = re.findall(r"(\S*python) (?:tests|scripts)/", text)
    assert {one.lstrip("`(") for one in found} == {".venv/bin/python"}


def test_no_flag_has_a_tilde_that_the_shell_leaves_as_it_is() -> None:
    """`--flag=~/x` is a folder of the name `~` to bash and dash."""
    lines = [(page.name, line) for page in PAGES for line in lines_to_type(page)]
    assert [line for line in lines if re.search(r"--\S+=~", line[1])] == []
