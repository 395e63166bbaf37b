"""A step of a cloud outside of a run: it is bounded, and a bug in it costs nothing beside it."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.core.deadline import bounded
from stratoscope.core.singleflight import is_cancelled

T = TypeVar("T")

log = logging.getLogger(__name__)


async def in_time(step: Awaitable[T], within_s: float) -> T:
    """The outcome of a step, whose requests see how long they may take.

    Raises StepError for all but a cancelled caller: an error that nobody expects would end the sweep, or all
    probes of a cloud.
    """
    try:
        async with bounded(within_s):
            return await step
    except StepError:
        raise
    except TimeoutError as error:
        raise StepError(RunReason.TIMEOUT, f"has not ended within {within_s:g} s") from error
    except asyncio.CancelledError as error:
        if is_cancelled(error):
            raise
        raise _bug(error, "what it waited for was cancelled") from error
    except Exception as error:  # the border between the probes and a kind of cloud
        raise _bug(error, str(error)) from error


def _bug(error: BaseException, text: str) -> StepError:
    what = f"{type(error).__name__}: {text}"
    log.error("bug in a step error=%r", what, exc_info=error)
    return StepError(RunReason.INTERNAL, what)
