"""What the page of the exporter tells of the resource handle."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.openstack.client.counting import MOST_LISTED
from stratoscope.management.resources.handle import Handle, Presence
from stratoscope.management.resources.history import MOST_GONE
from support.handles import ONE, OTHER, handles, vms

_PAGE = (Path(__file__).parents[2] / "docs" / "management.md").read_text(encoding="utf-8")
SECTION = _PAGE.partition("## One resource: is it still there?\n")[2].partition("\n## ")[0]


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
    return str(found)


def test_example_of_an_answer_has_all_its_fields_and_each_is_explained() -> None:
    assert [*json.loads(block("json"))] == [*Handle.__struct_fields__]
    for name in set(Handle.__struct_fields__) - {"cloud", "kind", "id"}:
        assert f"`{name}`" in SECTION
    assert all(f"`{one}`: " in SECTION for one in Presence)


def test_bounds_are_those_of_the_code() -> None:
    assert f"{MOST_GONE:,} others are gone" in SECTION
    assert f"more than {MOST_LISTED:,} volumes" in SECTION


@pytest.mark.parametrize(
    ("one", "created", "expected"),
    [(ONE, 0, True), (OTHER, 0, False), (OTHER, 2e9, None), ("a-name", 0, None)],
    ids=str,
)
async def test_example_for_a_notebook_tells_what_is_there(
    one: str,
    created: float,
    expected: bool | None,
) -> None:
    code: dict[str, Any] = {}
    exec(block("python"), code)  # noqa: S102 - an example of our own
    async with handles({"uni/openstack": {"servers": [vms(ONE)]}}) as site:
        code["URL"] = site.handle("")
        assert await asyncio.to_thread(code["is_there"], one) is None  # before the first list
        await site.refresh(0)
        assert await asyncio.to_thread(code["is_there"], one, created) is expected


async def test_example_for_a_notebook_knows_nothing_of_what_a_part_of_all_lacks() -> None:
    code: dict[str, Any] = {}
    exec(block("python"), code)  # noqa: S102 - an example of our own
    async with handles({"uni/openstack": {"servers": [vms(ONE, is_whole=False)]}}) as site:
        code["URL"] = site.handle("")
        await site.refresh(0)
        assert await asyncio.to_thread(code["is_there"], ONE) is True
        assert await asyncio.to_thread(code["is_there"], OTHER) is None
