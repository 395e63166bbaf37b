"""Bounds on open files."""

import logging
import resource
from dataclasses import dataclass

import pytest

from support.connections import serving
from support.logs import logged


@dataclass(frozen=True)
class Files:
    """The bounds on open files that are found, and what becomes of them for so many connections wanted."""

    soft: int
    hard: int
    wanted: int
    allowed: int
    raised_to: int | None = None
    logged: tuple[str, ...] = ()


NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    "files",
    [
        Files(1024, 4096, 512, 512),
        Files(256, 4096, 512, 512, 1024, ("more open files allowed from=256 to=1024",)),
        Files(256, NONE, 2000, 2000, 2512, ("more open files allowed from=256 to=2512",)),
        Files(NONE, NONE, 512, 512),
        Files(
            64, 64, 512, 32, None, ("open files are bounded, fewer connections files=64 connections=32",)
        ),
        Files(
            64, 600, 512, 300, 600,
            (
                "more open files allowed from=64 to=600",
                "open files are bounded, fewer connections files=600 connections=300",
            ),
        ),
        Files(1, 1, 5, 1, None, ("open files are bounded, fewer connections files=1 connections=1",)),
    ],
)  # fmt: skip
async def test_bound_on_open_files_is_raised_as_far_as_needed(
    files: Files, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files.soft, files.hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, to: asked.append(to))
    with caplog.at_level(logging.INFO):
        async with serving(most=files.wanted) as served:
            assert served.count("connections_limit") == files.allowed
    assert asked == ([] if files.raised_to is None else [(files.raised_to, files.hard)])
    assert tuple(logged(caplog)) == files.logged
