"""For all tests: how long an example of Hypothesis or a turn of the loop takes decides nothing."""

import functools
import logging
from asyncio import BaseEventLoop
from types import CodeType

from hypothesis import settings
from jinja2 import Environment

settings.register_profile("stratoscope", deadline=None)
settings.load_profile("stratoscope")


def _is_about_the_test(record: logging.LogRecord) -> bool:
    """Not asyncio's word, in debug mode, that a turn of the loop took long; tests look at what is logged."""
    return not str(record.msg).startswith("Executing ")


logging.getLogger("asyncio").addFilter(_is_about_the_test)

# Debug mode finds who calls a loop from another thread. It also keeps the stack that made each future and
# handle, which takes a quarter of the time of such tests; asyncio asks here whether to keep it.
BaseEventLoop.get_debug = lambda _: False


@functools.wraps(_compile_anew := Environment.compile)
def _compile_once(self: Environment, *template: str | None) -> CodeType:
    """All environments are alike (core/web/templates.py); each server that a test starts has one."""
    if template not in _compiled:
        _compiled[template] = _compile_anew(self, *template)
    return _compiled[template]


_compiled: dict[tuple[str | None, ...], CodeType] = {}
Environment.compile = _compile_once
