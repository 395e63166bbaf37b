"""Log lines on standard error: logfmt or JSON, one line each.

If a message's template ends in ` key=%s key=%r`, these are fields of their own, which can be searched for.
"""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error")

_FIELD: Final = r" (\w+)=(%[.\d]*[a-z])"
_TEMPLATE: Final = re.compile(rf"([^=]*?)((?:{_FIELD})+)\Z", re.DOTALL)


class Line(logging.Formatter):
    """A record as one line, in one of FORMATS."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._written = FORMATS[kind]

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        message, of_message = _taken_apart(record)
        fields = {
            "ts": f"{when}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": message,
        }
        fields |= {name: value for name, value in of_message.items() if name not in fields}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return self._written(fields)


def _taken_apart(record: logging.LogRecord) -> tuple[str, Mapping[str, str]]:
    """The message proper, and the fields that its template ends with."""
    template = _TEMPLATE.match(record.msg) if isinstance(record.msg, str) else None
    if template is None or not isinstance(record.args, tuple):
        return record.getMessage(), {}
    fields = re.findall(_FIELD, template[2])
    first = len(record.args) - len(fields)
    values = zip(fields, record.args[first:], strict=True)
    return template[1] % record.args[:first], {
        name: str(value) if form == "%r" else form % value for (name, form), value in values
    }


def _logfmt(fields: Mapping[str, str]) -> str:
    return " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())


def _quoted(value: str) -> str:
    if value and value.isprintable() and not set(value) & set(' ="\\'):
        return value
    return json.dumps(value, ensure_ascii=not value.isprintable())


FORMATS: Final[Mapping[str, Callable[[Mapping[str, str]], str]]] = {"logfmt": _logfmt, "json": json.dumps}


def set_up(level: str, kind: str) -> None:
    """Send every logger of the process to standard error, from one of LEVELS on, in one of FORMATS."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line(kind))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
