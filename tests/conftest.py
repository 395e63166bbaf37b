"""For all tests: how long an example of Hypothesis or a turn of the loop takes decides nothing."""

import logging
from asyncio import BaseEventLoop

from hypothesis import settings

settings.register_profile("stratoscope", deadline=None)
settings.load_profile("stratoscope")


def _is_about_the_test(record: logging.LogRecord) -> bool:
    """Not asyncio's word, in debug mode, that a turn of the loop took long; tests look at what is logged."""
    return not str(record.msg).startswith("Executing ")


logging.getLogger("asyncio").addFilter(_is_about_the_test)

# asyncio's debug mode finds who calls a loop from another thread. To each future and handle it also adds the stack
# that made it, which takes a quarter of the time; who asks for that, asks here.
BaseEventLoop.get_debug = lambda _: False
