"""No request gets round the proxy of docs/dashboards-for-owners.md; why the page says what it does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from support.debian import unpacked
from support.label_proxy import documented, label_proxy
from support.owner_site import MINE, PLAIN, THEIRS, WAYS, Way, wait_for, watched

pytestmark = pytest.mark.integration

ASKED: Final = (
    "federate",
    "api/v1/series",
    "api/v1/query",
    "api/v1/query_range",
    "api/v1/query_exemplars",
    "api/v1/alerts",
    "api/v1/rules",
)
NOT_ANSWERED: Final = ("api/v1/labels", "api/v1/label/project_id/values", "api/v1/label/vm_id/values")
FLAGS: Final = ("-label=project_id", f"-label-value={MINE}")


class Site(NamedTuple):
    """What runs. Attributes: all: Prometheus itself. mine: The proxy. folder: For logs."""

    all: str
    mine: str
    folder: Path


def program(suite: str) -> Path:
    return unpacked("prometheus", suite) / "usr/bin/prometheus"


@pytest.fixture(scope="module", params=["bookworm", "sid"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Prometheus 2.42, and the newest of Debian."""
    folder = tmp_path_factory.mktemp(request.param)
    flags = [f"-label-value={MINE}" if "-value=" in one else one for one in documented("-label-value")]
    with (
        watched(program(request.param), folder / "prometheus") as all_,
        label_proxy(all_.url, folder, flags) as mine,
    ):
        for path in ASKED:
            wait_for(all_.url, path, MINE, THEIRS)
        yield Site(all_.url, mine, folder)


@pytest.mark.parametrize("path", ASKED)
def test_owners_get_their_own_and_no_request_gets_more(site: Site, path: str) -> None:
    assert MINE in PLAIN.ask(f"{site.mine}/{path}")[1]
    assert [way for way in WAYS if THEIRS in way.ask(f"{site.mine}/{path}")[1]] == []


@pytest.mark.parametrize("path", NOT_ANSWERED)
def test_names_of_labels_and_their_values_are_not_answered(site: Site, path: str) -> None:
    assert {way.ask(f"{site.mine}/{path}")[0] for way in WAYS} == {404}


@pytest.mark.parametrize("path", NOT_ANSWERED[1:])
def test_label_apis_would_give_away_the_others(site: Site, path: str) -> None:
    """Why the page leaves -enable-label-apis out: the proxy does not read a body that Prometheus reads."""
    with label_proxy(site.all, site.folder, [*FLAGS, "-enable-label-apis"]) as url:
        assert THEIRS not in PLAIN.ask(f"{url}/{path}")[1]
        assert THEIRS in Way("GET", "multipart").ask(f"{url}/{path}")[1]


@pytest.mark.parametrize("path", ["alerts", "rules"])
def test_proxy_before_a_path_would_give_away_alerts_and_rules(tmp_path: Path, path: str) -> None:
    """Why the page asks for a Prometheus without one: the proxy compares the whole path."""
    below = "/prometheus"
    with watched(program("bookworm"), tmp_path / "prometheus", f"--web.route-prefix={below}") as found:
        wait_for(found.url + below, f"api/v1/{path}", MINE, THEIRS)
        with label_proxy(found.url + below, tmp_path, FLAGS) as url:
            assert THEIRS in PLAIN.ask(f"{url}/api/v1/{path}")[1]
