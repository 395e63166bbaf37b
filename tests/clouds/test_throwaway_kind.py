"""A cloud kind of a few lines: its code, one line of the registry, and the management exporter shows it."""

import ssl
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeVar

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from stratoscope.clouds import registry
from stratoscope.clouds.abilities import Management, Question, Reader, question
from stratoscope.clouds.client.http import Http
from stratoscope.clouds.client.limiter import Budget, Limits
from stratoscope.clouds.flavors import Flavor, Flavors
from stratoscope.clouds.owners import Project, Projects
from stratoscope.core.collector import Every
from stratoscope.core.errors import CollectError, ConfigError, Reason
from stratoscope.core.exposition import page
from stratoscope.core.runner import Runner
from stratoscope.management.exporter import EXPORTER
from support.opened import opened_exporter
from support.pages import promtool_findings

T = TypeVar("T")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    endpoint: str
    kind: Literal["toy"] = "toy"
    budget: Limits = Limits()


class Lists(Reader):
    """What a toy cloud lists."""

    def __init__(self, entry: Entry) -> None:
        self.budget, self._url = Budget(entry.budget), URL(entry.endpoint)
        self.http = Http(entry.name, ssl.create_default_context())

    @question("flavors", Every(60, 20, 300), cost="1", role="any")
    async def flavors(self) -> Flavors:
        return Flavors(tuple(await self._list("flavors", list[Flavor])))

    @question("projects", Every(60, 20, 300), cost="1", role="any")
    async def projects(self) -> Projects:
        return Projects(tuple(await self._list("projects", list[Project])), None)

    async def _list(self, what: str, kind: type[T]) -> T:
        answer = await self.budget.call(
            "toy", what, lambda: self.http.request("GET", self._url / what, {}, None)
        )
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.DecodeError as error:
            raise CollectError(Reason.MALFORMED, f"toy: {what}: {error}") from error


class Toy:
    """Implements Management."""

    questions: ClassVar[Sequence[Question]] = Lists.questions()
    events = None

    def __init__(self, entry: Entry) -> None:
        self._lists, self.cloud = Lists(entry), entry.name
        self.budget = self._lists.budget

    async def ask(self, name: str) -> Any:
        with self.budget.refresh():
            return await self._lists.fetches()[name]()

    async def listen(self) -> None:
        """It has no events."""

    async def close(self) -> None:
        await self._lists.http.close()


KIND = registry.Kind(
    entry=Entry,
    checked=lambda entries: entries,
    by_default=lambda: None,
    opened=Toy,
    questions=Toy.questions,
)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    # The one line that a new kind needs outside its folder.
    monkeypatch.setattr(registry, "KINDS", {**registry.KINDS, "toy": (__name__, (Management,))})


async def test_management_exporter_shows_what_it_lists() -> None:
    async def answer(request: web.Request) -> web.Response:
        flavor = {"flavor_id": "1", "name": "tiny", "vcpus": 1, "memory": 2, "disk": 3, "is_public": True}
        project = {"project_id": "p", "name": "lab", "keystone_domain": "", "is_enabled": True}
        return web.json_response({"/flavors": [flavor], "/projects": [project]}[request.path])

    app = web.Application()
    app.router.add_get("/{list}", answer)
    async with TestServer(app) as server:
        entry = {"name": "uni", "kind": "toy", "endpoint": str(server.make_url(""))}
        async with opened_exporter(EXPORTER, EXPORTER.parse({"clouds": [entry]}, {})) as collections:
            runners = {one.collector.name: Runner(one) for one in collections.running}
            for name in ("flavors", "projects", "requests"):
                await runners[name].first()
            lines = [(await one.lines(5))[0] for one in runners.values()]
    text = b"".join(page([one for one in lines if one is not None], openmetrics=False)).decode()
    assert {*runners} == {"requests", "flavors", "projects"}
    assert 'stratoscope_management_flavor_info{cloud="uni",flavor="tiny"' in text
    assert 'project_id="p",project_name="lab"' in text
    sent = 'stratoscope_cloud_requests_total{cloud="uni",service="toy",operation="flavors",code="200"} 1'
    assert sent in text
    assert promtool_findings(text) == ""


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "clouds[0].endpoint: missing"),
        ({"endpoint": "http://x", "port": 1}, "clouds[0].port: unknown key; allowed: "),
        ({"endpoint": "http://x", "budget": {"concurrency": 0}}, "clouds[0].budget.concurrency: expected"),
    ],
)
def test_mistake_in_its_entry_is_named(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        EXPORTER.parse({"clouds": [{"name": "uni", "kind": "toy", **more}]}, {})
    assert str(refused.value).startswith(message)
