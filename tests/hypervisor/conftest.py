"""What tests of several files here ask for."""

from collections.abc import AsyncIterator

import pytest

from support.kernel_readers import Asked


@pytest.fixture
async def readers() -> AsyncIterator[Asked]:
    """Readers of the kernel's files, closed at the end of the test."""
    asked = Asked()
    yield asked
    asked.close()
