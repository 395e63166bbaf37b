"""A throw-away exporter, support/notes, of at most 60 lines: core carries it without a change."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from stratoscope.core import state
from stratoscope.core.app import settings_of
from stratoscope.core.errors import ConfigError
from stratoscope.core.flags import Flags
from stratoscope.core.web.asking.settings import AccessSettings, Guard
from support import notes
from support.asking import USERS, basic
from support.houses import Runs, served
from support.html_page import parsed
from support.notes import EXPORTER
from support.source import LoopTime, until


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Runs]:
    web_config = folder / "web.yml"
    web_config.write_text(USERS)
    async with served(EXPORTER, folder, "notes: {}\n", web_config=web_config) as runs:
        await runs.ready()
        yield runs


def test_it_has_sixty_lines() -> None:
    assert len(Path(notes.__file__).read_text().splitlines()) <= 60


async def test_page_form_and_routes_are_for_whom_they_say(tmp_path: Path) -> None:
    time = LoopTime()
    async with running(tmp_path) as runs:
        assert await runs.ask("/count") == (200, "0")
        assert (await runs.ask("/"))[0] == 401
        status, text = await runs.ask("/", headers=basic("bob"))
        assert status == 200
        assert [link.text for link in parsed(text).one("nav").all("a")][:2] == ["Notes", "Collectors"]
        csrf = parsed(text).all("input")[0].attributes["value"]
        form = {"text": "<b>milk</b>\nbob: eggs", "csrf": csrf}
        assert (await runs.ask("/notes", "POST", headers=basic("bob"), data=form))[0] == 403
        assert (await runs.ask("/notes", "POST", headers=basic("alice"), data=form))[0] == 403, "bob's form"
        text = (await runs.ask("/", headers=basic("alice")))[1]
        form["csrf"] = parsed(text).all("input")[0].attributes["value"]
        status, text = await runs.ask("/notes", "POST", headers=basic("alice"), data=form)
        assert (status, parsed(text).one("main").one("li").text) == (200, "alice: <b>milk</b> bob: eggs")
        assert await runs.ask("/count") == (200, "1")
        assert (await runs.ask("/collectors"))[0] == 401
        assert "Collectors" in (await runs.ask("/collectors", headers=basic("bob")))[1]
        page = (await runs.ask("/metrics", headers=basic("bob")))[1]
        assert 'stratoscope_task_running{task="tick"} 1.0' in page
        assert re.search(r'http_requests_total\{code="403",handler="/notes"\} 2', page)
        await ends(runs, time)


async def test_clean_up_takes_its_time_and_state_is_there_after_a_restart(tmp_path: Path) -> None:
    time = LoopTime()
    async with running(tmp_path) as runs:
        await until((tmp_path / "data" / "notes").exists)
        with pytest.raises(ConfigError, match=r"--storage\.path: .*: in use by process"):
            state.locked(tmp_path / "data").__enter__()
        runs.app.stop()
        await time.goes_on(29)
        runs.app.stop()
        assert not runs.task.done()
        await ends(runs, time)
    assert [file.name for file in sorted((tmp_path / "data").iterdir())] == ["filed", "lock"]


async def ends(runs: Runs, time: LoopTime) -> None:
    """Stop it, and let so much time pass as its clean-up takes."""
    runs.app.stop()

    def ended() -> bool:
        time._time_s += 0.5
        return runs.task.done()

    await until(ended)
    assert runs.task.exception() is None


def test_role_that_no_route_requires_is_an_error_without_a_line_of_the_exporter(tmp_path: Path) -> None:
    (tmp_path / "notes.yml").write_text("notes: {access: {roles: {writter: [alice]}}}\n")
    flags = Flags.parse(EXPORTER.program, [f"--config.file={tmp_path}/notes.yml"])
    with pytest.raises(ConfigError, match=r"notes\.access\.roles\.writter: unknown key; allowed: writer$"):
        settings_of(EXPORTER, flags)


def test_role_of_the_defaults_is_checked_as_well() -> None:
    wrong = replace(EXPORTER, guard=lambda _: Guard(AccessSettings(roles={"writter": ("alice",)})))
    with pytest.raises(ConfigError, match=r"^notes\.access\.roles\.writter: unknown key; allowed: writer$"):
        settings_of(wrong, Flags.parse(wrong.program, []))


async def test_reload_with_a_misspelt_role_leaves_the_old_roles(tmp_path: Path) -> None:
    time = LoopTime()
    async with running(tmp_path) as runs:
        runs.file.write_text("notes: {access: {roles: {writter: [bob]}}}\n")
        said = await runs.app.reload()
        assert said is not None
        assert said.endswith("notes.access.roles.writter: unknown key; allowed: writer")
        assert runs.app.guard.access.roles == {"writer": ("alice",)}
        await ends(runs, time)
