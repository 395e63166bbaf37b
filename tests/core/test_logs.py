"""Log lines: logfmt and JSON, one line each, with fields that can be searched for."""

import json
import logging
import shlex
from collections.abc import Iterator

import pytest

from stratoscope.core.config import Secret
from stratoscope.core.logs import FORMATS, Line, set_up
from support import logs

log = logging.getLogger("stratoscope.test")


@pytest.fixture
def as_it_was() -> Iterator[None]:
    with logs.as_it_was():
        yield


def record(message: object, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    raised = None if error is None else (type(error), error, error.__traceback__)
    made = log.makeRecord(log.name, logging.WARNING, "", 0, message, arguments, raised)
    made.created, made.msecs = 1_700_000_000.0421, 42.1
    return made


def logfmt(message: object, *arguments: object) -> str:
    """The line after the fields that each line begins with."""
    line = Line("logfmt").format(record(message, *arguments))
    start = "ts=2023-11-14T22:13:20.042Z level=warning logger=stratoscope.test "
    assert line.startswith(start)
    return line.removeprefix(start)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ("", '""'),
        ("a=b", '"a=b"'),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("two\nlines\r\t", '"two\\nlines\\r\\t"'),
        ("Müller", "Müller"),
        ("Müller & co", '"Müller & co"'),
        ("line\u2028separator\x7f", '"line\\u2028separator\\u007f"'),
        ("\x1b[31mred", '"\\u001b[31mred"'),
        ("\udcff", '"\\udcff"'),
    ],
)
def test_value_is_quoted_where_a_reader_would_stumble(text: str, written: str) -> None:
    assert logfmt(text) == f"msg={written}"


def test_what_a_template_ends_with_is_fields() -> None:
    template = "failed twice collector=%s cloud=%s error=%r seconds=%.3f"
    line = logfmt(template, "pools", "", "no 'route'", 0.12345)
    assert line == 'msg="failed twice" collector=pools cloud="" error="no \'route\'" seconds=0.123'


def test_what_stands_in_a_value_is_no_field() -> None:
    assert logfmt("failed error=%r", 'x" level="error') == 'msg=failed error="x\\" level=\\"error"'
    assert logfmt("failed %s; see %s", "a=%s b=c", "d") == 'msg="failed a=%s b=c; see d"'


def test_arguments_before_the_fields_belong_to_the_message() -> None:
    line = logfmt("%s of %d failed collector=%s", "two", 3, "pools")
    assert line == 'msg="two of 3 failed" collector=pools'


def test_field_does_not_replace_one_that_every_line_has() -> None:
    assert logfmt("left level=%s", "none") == "msg=left"


def test_message_that_is_no_template_is_shown_as_it_is() -> None:
    assert logfmt("100 % of a=b") == 'msg="100 % of a=b"'
    assert logfmt(ValueError("not a text")) == 'msg="not a text"'
    assert logfmt("by name=%(name)s", {"name": "x"}) == 'msg="by name=x"'


def test_line_reads_back_as_its_fields() -> None:
    line = Line("logfmt").format(record("failed collector=%s error=%r", "pools", "no route to host"))
    fields = dict(pair.split("=", 1) for pair in shlex.split(line))
    assert fields["collector"] == "pools"
    assert fields["error"] == "no route to host"


def test_json_line_is_one_object_with_the_same_fields() -> None:
    line = Line("json").format(record("failed\n collector=%s error=%r", "pools", "no\u2028route"))
    assert json.loads(line) == {
        "ts": "2023-11-14T22:13:20.042Z",
        "level": "warning",
        "logger": "stratoscope.test",
        "msg": "failed\n",
        "collector": "pools",
        "error": "no\u2028route",
    }
    assert line.isprintable()


@pytest.mark.parametrize("formatter", [Line(kind) for kind in FORMATS])
def test_traceback_stands_on_the_same_line(formatter: logging.Formatter) -> None:
    with pytest.raises(RuntimeError) as raised:
        raise RuntimeError("a bug")
    line = formatter.format(record("failed", error=raised.value))
    assert line.isprintable()
    assert "RuntimeError: a bug" in line
    assert "\\n" in line


def test_secret_is_not_written() -> None:
    assert "hunter2" not in logfmt("log-in refused password=%s as=%r", Secret("hunter2"), Secret("hunter2"))


@pytest.mark.usefixtures("as_it_was")
def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("warning", "logfmt")
    log.info("not this")
    log.warning("but this")
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), 'msg="but this"' in err) == ("", 1, True)


@pytest.mark.usefixtures("as_it_was")
def test_json_is_written_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("debug", "json")
    log.debug("this")
    assert json.loads(capsys.readouterr().err)["msg"] == "this"
