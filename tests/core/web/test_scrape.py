"""What a scrape shows, and how it is sent."""

import asyncio
import gzip
import logging
import secrets

import pytest
from aiohttp import ClientSession, web
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from stratoscope.core.collector import Absent
from stratoscope.core.errors import LeftOut
from stratoscope.core.web import scrape
from stratoscope.core.web.scrape import send, within_s
from support.patience import FAR_S
from support.services import (
    Domains,
    Failing,
    FakeService,
    Hanging,
    Unauthorized,
    background,
    served,
    service,
    until,
)

LINES_OF_A_LARGE_PAGE = 20_000
SCRAPE_TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


async def scraped(shown: FakeService, query: str = "", **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        served(shown) as url,
        ClientSession() as session,
        session.get(f"{url}/metrics{query}", headers=named) as response,
    ):
        return response.status, await response.text()


def names(page: str) -> set[str]:
    return {sample.name for family in text_string_to_metric_families(page) for sample in family.samples}


def outcome(page: str, collector: str) -> dict[str, float]:
    """A collector's own series without further labels, by name."""
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.labels == {"cloud": "lab", "collector": collector}
    }


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("1", 0.9),
        ("5", 4.5),
        ("10", 9.5),
        ("60", 59.5),
        ("0.2", pytest.approx(0.18)),
        (None, 10),
        ("", 10),
        ("soon", 10),
        ("0", 10),
        ("-1", 10),
        ("nan", 10),
        ("inf", 10),
    ],
)
def test_scrape_ends_before_its_own_time_out(header: str | None, expected: float) -> None:
    assert within_s(header) == expected


async def test_page_has_all_families_and_the_account_of_each_collector() -> None:
    shown = service(Domains())
    shown.left_out = [Absent("cinder", LeftOut.ABSENT, "lab")]
    status, page = await scraped(shown)
    assert status == 200
    assert 'stratoscope_test_vm_cpu_seconds_total{vm_id="vm-1"} 1.5\n' in page
    assert outcome(page, "domains")["stratoscope_collector_success"] == 1
    assert outcome(page, "domains")["stratoscope_collector_samples"] == 4
    assert 'stratoscope_collector_left_out{cloud="lab",collector="cinder",reason="absent"} 1\n' in page


async def test_each_head_stands_once_over_all_collectors() -> None:
    _, page = await scraped(service(Domains(), Failing(), Hanging()), **{SCRAPE_TIMEOUT: "0.1"})
    heads = [line for line in page.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))


async def test_openmetrics_is_valid_to_its_end_mark() -> None:
    shown = service(Domains(), Failing())
    _, page = await scraped(shown, Accept="application/openmetrics-text;version=1.0.0")
    assert page.endswith("# EOF\n")
    parsed = {family.name: family.type for family in openmetrics_parser.text_string_to_metric_families(page)}
    assert parsed["stratoscope_test_vm_cpu_seconds"] == "counter"
    assert parsed["stratoscope_scrape_duration_seconds"] == "histogram"


async def test_failing_collector_leaves_the_others_and_the_status_alone() -> None:
    status, page = await scraped(service(Failing(), Domains()))
    assert status == 200
    assert outcome(page, "pools")["stratoscope_collector_success"] == 0
    assert outcome(page, "domains")["stratoscope_collector_success"] == 1
    assert "stratoscope_test_pools" not in names(page)


async def test_page_is_200_even_if_all_collectors_fail() -> None:
    status, page = await scraped(service(Failing()))
    assert status == 200
    assert (
        'stratoscope_collector_errors_total{cloud="lab",collector="pools",reason="unavailable"} 1\n' in page
    )


async def test_hanging_collector_is_left_out_in_time() -> None:
    began = asyncio.get_running_loop().time()
    status, page = await scraped(service(Hanging(), Domains()), **{SCRAPE_TIMEOUT: "1"})
    assert asyncio.get_running_loop().time() - began < 10
    assert status == 200
    assert outcome(page, "hanging")["stratoscope_collector_success"] == 0
    assert "stratoscope_test_vm_memory_bytes" in names(page)


async def test_background_collector_is_shown_as_it_was_kept() -> None:
    domains = Domains()
    runner = background(domains)
    await runner.first()
    _, page = await scraped(FakeService(runners=[runner]))
    assert domains.fetched == 1
    assert "stratoscope_test_vm_memory_bytes" in names(page)


async def test_chosen_subject_is_shown_with_its_collectors_account() -> None:
    shown = service(Domains(), Failing())
    _, page = await scraped(shown, "?collect[]=cpu")
    assert "stratoscope_test_vm_cpu_seconds_total" in names(page)
    assert "stratoscope_test_vm_memory_bytes" not in names(page)
    assert outcome(page, "domains")["stratoscope_collector_success"] == 1
    assert outcome(page, "pools") == {}


@pytest.mark.parametrize("query", ["", "?collect[]=agents"])
async def test_collector_that_the_source_leaves_out_is_known_and_says_why(query: str) -> None:
    status, page = await scraped(service(Unauthorized(), Domains()), query)
    assert status == 200
    assert 'stratoscope_collector_left_out{cloud="lab",collector="agents",reason="unauthorized"} 1\n' in page
    assert outcome(page, "agents") == {
        "stratoscope_collector_timeout_seconds": 10,
        "stratoscope_collector_malformed_items_total": 0,
    }


async def test_choice_may_be_repeated_and_mixed() -> None:
    shown = service(Domains(), Failing(), Hanging())
    shown.left_out = [Absent("cinder", LeftOut.ABSENT), Absent("nova", LeftOut.ABSENT)]
    _, page = await scraped(shown, "?collect[]=memory&collect[]=pools&collect%5B%5D=cinder")
    assert names(page) & {"stratoscope_test_vm_cpu_seconds_total", "stratoscope_test_vm_memory_bytes"} == {
        "stratoscope_test_vm_memory_bytes"
    }
    assert outcome(page, "pools")["stratoscope_collector_success"] == 0
    assert 'collector="cinder"' in page
    assert 'collector="nova"' not in page


async def test_collector_that_is_not_chosen_is_not_run() -> None:
    domains = Domains()
    await scraped(service(domains, Failing()), "?collect[]=pools")
    assert domains.fetched == 0


async def test_collector_that_is_not_chosen_is_not_waited_for() -> None:
    async with asyncio.timeout(FAR_S):
        status, _ = await scraped(service(Hanging(), Domains()), "?collect[]=domains")
    assert status == 200


async def test_unknown_choice_is_refused_in_one_line_with_what_is_allowed() -> None:
    shown = service(Domains(), Failing())
    shown.left_out = [Absent("cinder", LeftOut.ABSENT)]
    assert await scraped(shown, "?collect[]=cpu&collect[]=gpu%0A") == (
        400,
        "collect[]: unknown: 'gpu\\n'; allowed: cinder, cpu, domains, memory, pools\n",
    )


@pytest.mark.parametrize("vms", [2, LINES_OF_A_LARGE_PAGE // 2])
async def test_gzip_is_the_same_page(vms: int) -> None:
    async with (
        served(service(Domains(vms))) as url,
        ClientSession(auto_decompress=False) as session,
        session.get(f"{url}/metrics", headers={"Accept-Encoding": "gzip"}) as response,
    ):
        assert response.headers["Content-Encoding"] == "gzip"
        page = gzip.decompress(await response.read()).decode()
    assert outcome(page, "domains")["stratoscope_collector_samples"] == 2 * vms
    assert page.count("stratoscope_test_vm_memory_bytes{") == vms


async def test_gzip_is_not_forced_upon_a_client() -> None:
    async with (
        served(service(Domains())) as url,
        ClientSession() as session,
        session.get(f"{url}/metrics", headers={"Accept-Encoding": "gzip;q=0"}) as response,
    ):
        assert "Content-Encoding" not in response.headers
        assert response.headers["Vary"] == "Accept, Accept-Encoding"


async def test_large_page_is_whole() -> None:
    _, page = await scraped(service(Domains(LINES_OF_A_LARGE_PAGE // 2)), **{"Accept-Encoding": "identity"})
    assert sum(line.startswith("stratoscope_test") for line in page.splitlines()) == LINES_OF_A_LARGE_PAGE


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_client_that_goes_away_leaves_no_error_and_no_task(
    encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(service(Domains(40_000))) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(f"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {encoding}\r\n\r\n".encode())
        await reader.readexactly(500)
        writer.transport.abort()
    await until(lambda: len(asyncio.all_tasks()) == 1)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("vms", [2, LINES_OF_A_LARGE_PAGE // 2])
async def test_client_that_goes_away_while_collecting_leaves_no_error_and_no_task(
    vms: int, caplog: pytest.LogCaptureFixture
) -> None:
    kept = background(Domains(vms))
    await kept.first()
    shown = FakeService(runners=[*service(Hanging()).runners, kept])
    async with served(shown) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET /metrics HTTP/1.1\r\nHost: x\r\n{SCRAPE_TIMEOUT}: 0.1\r\n\r\n".encode())
        await asyncio.sleep(0.02)
        writer.transport.abort()
        await until(lambda: shown.registry.get_sample_value("stratoscope_scrape_duration_seconds_count") == 1)
    await until(lambda: len(asyncio.all_tasks()) == 1)
    # The collector's own failure is the runner's to log.
    assert [record.name for record in caplog.records if record.levelno >= logging.WARNING] == [
        "stratoscope.core.changes"
    ]


def test_pieces_lose_nothing_and_none_is_much_larger_than_the_others() -> None:
    chunks = [b"head\n", b"x" * (3 * scrape._PIECE), b"", b"tail\n"]
    pieces = list(scrape._pieces(chunks))
    assert b"".join(pieces) == b"".join(chunks)
    assert max(len(piece) for piece in pieces) < 2 * scrape._PIECE


def test_pieces_grow_so_that_the_first_is_sent_at_once() -> None:
    sizes = [len(piece) for piece in scrape._pieces([b"x" * (1 << 20)])]
    assert sizes[:5] == [4096, 16384, 65536, scrape._PIECE, scrape._PIECE]
    assert list(scrape._pieces([b"few"])) == [b"few"]


def test_pieces_that_are_full_leave_no_empty_one_behind() -> None:
    chunks = [b"x" * scrape._FIRST, b"y" * (4 * scrape._FIRST)]
    assert list(scrape._pieces(chunks)) == chunks


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_client_that_does_not_read_is_hung_up_on(
    encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        # Random, so that gzip does not make it small enough for the sockets' buffers.
        chunks = [secrets.token_bytes(1 << 20)] * 16
        return await send(request, chunks, gzip=encoding == "gzip", headers={}, timeout_s=0.1)

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _, writer = await asyncio.open_connection(*runner.addresses[0], limit=1024)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: "client reads too slowly" in caplog.text)
    writer.transport.abort()
    await runner.cleanup()
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == []
