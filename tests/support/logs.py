"""What the program logs, without what asyncio says of a busy machine."""

import pytest


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages of our own loggers and of aiohttp's."""
    return [record.getMessage() for record in caplog.records if record.name != "asyncio"]
