"""`stratoscope availability`: what it asks of Prometheus, prints, and says of mistakes."""

import asyncio
import csv
import io
import json
import time
from argparse import Namespace
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import pytest
from aiohttp import web

from stratoscope.__main__ import main
from stratoscope.availability.asking import asked, days_of
from stratoscope.core.client.request import AskError
from support.little_server import listening

LAB = {"cloud": "lab", "scope": "cloud"}
ZONE = {"cloud": "lab", "scope": "zone", "zone": "a"}
IMAGE = {"cloud": "lab", "scope": "image", "image_id": "i"}


def series(labels: dict[str, str], **minutes: int) -> list[dict[str, object]]:
    return [{"metric": {**labels, "of": of}, "value": [1, str(count)]} for of, count in minutes.items()]


class Prometheus:
    """It answers the same for every day, but nothing for the first of a month, and has no thresholds.

    Args: more: Keys of the answer beside its data.
    """

    def __init__(self, *found: dict[str, object], more: Mapping[str, object] = MappingProxyType({})) -> None:
        self._found, self._more, self.asked = found, more, list[tuple[str, str]]()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        query, result = request.query["query"], tuple[dict[str, object], ...]()
        if "global:ola_" not in query:
            self.asked.append((request.query["time"], query))
            result = self._found if len(self.asked) > 1 else ()
        data = {"resultType": "vector", "result": [*result]}
        return web.json_response({"status": "success", "data": data, **self._more})


async def run(prometheus: Prometheus, *arguments: str) -> int:
    async with listening(prometheus) as url:
        return await asyncio.to_thread(main, ["availability", f"--url={url}", *arguments])


MONTH = (
    *series(LAB, up=1440, down=0, known=1440),
    *series(ZONE, up=720, down=0, known=1440),
    *series(IMAGE, up=0, down=1440, known=1440),
)


async def test_month_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    prometheus = Prometheus(*MONTH)
    assert await run(prometheus, "--month=2025-02") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["scope"], row["zone"], row["image_id"]) for row in rows] == [
        ("cloud", "", ""), ("image", "", "i"), ("zone", "a", ""),
    ]  # fmt: skip
    assert rows[0] == {
        "cloud": "lab", "scope": "cloud", "zone": "", "image_id": "", "days": 28,
        "availability_percent": 100.0, "reliability_percent": 100.0, "unknown_percent": 3.57143,
        "is_within_ola": True,
    }  # fmt: skip
    assert (rows[1]["availability_percent"], rows[1]["reliability_percent"]) == (0.0, -1.0)
    assert (rows[2]["availability_percent"], rows[2]["is_within_ola"]) == (50.0, False)


async def test_month_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(Prometheus(*MONTH), "--month=2025-02", "--format=csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["scope"] for row in rows] == ["cloud", "image", "zone"]
    assert (rows[2]["zone"], rows[2]["availability_percent"], rows[2]["is_within_ola"]) == (
        "a",
        "50.0",
        "false",
    )


@pytest.mark.parametrize("begin", ["=", "+", "-", "@"])
async def test_name_is_no_formula_of_a_spreadsheet(begin: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = series({**ZONE, "zone": f"{begin}1+1"}, up=0, down=1440, known=1440)
    assert await run(Prometheus(*found), "--month=2025-02", "--format=csv") == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["zone"], row["cloud"], row["reliability_percent"]) == (f"'{begin}1+1", "lab", "-1.0")


async def test_each_day_is_asked_for_just_before_its_end_by_its_label() -> None:
    prometheus = Prometheus(*MONTH)
    await run(prometheus, "--month=2025-02")
    assert len(prometheus.asked) == 28
    for number, (moment, query) in enumerate(prometheus.asked):
        begins = 1738368000 + number * 86400  # 2025-02-01, the 20,120th day
        assert moment == f"{begins + 86399}.999"
        assert query.count('day="odd"' if number % 2 else 'day="even"') == 3
        assert ('day="even"' in query) != ('day="odd"' in query)


async def test_of_two_replicas_the_one_that_saw_more_counts(capsys: pytest.CaptureFixture[str]) -> None:
    less = series({**LAB, "replica": "b"}, up=10, down=0, known=10)
    assert await run(Prometheus(*MONTH, *less), "--month=2025-02") == 0
    assert json.loads(capsys.readouterr().out)[0]["unknown_percent"] == 3.57143


def test_days_of_a_month_are_those_that_are_over() -> None:
    assert days_of(date(2024, 2, 1), date(2024, 7, 1))[-1] == date(2024, 2, 29)
    assert days_of(date(2024, 12, 1), date(2024, 12, 3)) == [date(2024, 12, 1), date(2024, 12, 2)]
    assert days_of(date(2024, 12, 1), date(2024, 12, 1)) == []
    assert days_of(date(2024, 12, 1), date(2024, 11, 1)) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--month=2026-13"], "--month: '2026-13' is no month; allowed: such as 2026-10"),
        ([], "the following arguments are required: --month"),
        (["--month=2025-02", "--format=xml"], "--format: invalid choice: 'xml'"),
        (["--month=2025-02", "--user=me"], "--user: allowed: together with --password-file"),
        (
            ["--month=2025-02", "--downtimes-token-file=token"],
            "--downtimes-token-file: allowed: together with --downtimes-url",
        ),
    ],
)
def test_wrong_flag(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["availability", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"stratoscope availability: {said}")


async def test_month_without_records(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(Prometheus(), "--month=2025-02") == 1
    assert "it has no record of this month" in capsys.readouterr().err


async def test_month_of_which_no_day_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(Prometheus(), "--month=2099-12") == 1
    assert "is over; allowed: an earlier month" in capsys.readouterr().err


async def test_another_server(capsys: pytest.CaptureFixture[str]) -> None:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response([])

    async with listening(answer) as url:
        status = await asyncio.to_thread(main, ["availability", f"--url={url}", "--month=2025-02"])
    assert status == 1
    said = "no Prometheus answers there; allowed: --url with the address of one"
    assert capsys.readouterr().err == f"stratoscope availability: {url}: {said}\n"


PART = "a part of it does not answer"
STORE = "receive series from Addr: store:10901: rpc error: code = Unavailable"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"warnings": ["PromQL info: a note", f"{STORE}\n", "another"]}, rf"{STORE}\n"),
        ({"isPartial": True}, PART),
    ],
)
async def test_answer_of_a_part_of_the_stores_is_no_month(
    more: Mapping[str, object], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with listening(Prometheus(*MONTH, more=more)) as url:
        status = await asyncio.to_thread(main, ["availability", f"--url={url}", "--month=2025-02"])
    assert status == 1
    said = f"stratoscope availability: {url}: its answer is not whole: {why}\n"
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    "more", [{"warnings": ["PromQL info: a note"]}, {"warnings": None}, {"isPartial": False}]
)
async def test_answer_of_all_stores_is_a_month(more: Mapping[str, object]) -> None:
    assert await run(Prometheus(*MONTH, more=more), "--month=2025-02") == 0


async def test_leap_day(capsys: pytest.CaptureFixture[str]) -> None:
    prometheus = Prometheus(*MONTH)
    assert await run(prometheus, "--month=2024-02") == 0
    assert {row["days"] for row in json.loads(capsys.readouterr().out)} == {29}
    assert prometheus.asked[-1][0] == "1709251199.999"


def test_nothing_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["availability", "--url=http://127.0.0.1:1", "--month=2025-02"]) == 1
    said = "stratoscope availability: http://127.0.0.1:1: Connection refused\n"
    assert capsys.readouterr().err == said


def test_time_out_is_for_all_days() -> None:
    with pytest.raises(
        AskError, match="no answer in time for 2025-02-01 and later; allowed: a longer --timeout"
    ):
        asked(Namespace(timeout=-1.0), [date(2025, 2, 1)])


@pytest.mark.parametrize("value", ["NaN", "+Inf", "abc"])
async def test_record_that_is_no_number(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = {"metric": {**LAB, "of": "up"}, "value": [1, value]}
    assert await run(Prometheus(found), "--month=2025-02") == 1
    said = capsys.readouterr().err
    assert f"the value {value!r} of a record is no number" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_names_move_no_terminal(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = series({**ZONE, "zone": "ü\x1b]0;x\x07\x9b1m\ud800\n"}, up=1440, known=1440)
    assert await run(Prometheus(*found), "--month=2025-02", f"--format={form}") == 0
    out = capsys.readouterr().out
    assert "ü" in out
    assert all(one.isprintable() for one in out.replace("\n", ""))
    assert "\\x1b]0;x\\x07\\x9b1m\\ud800\\n" in out.replace("\\\\", "\\")


async def test_time_out_is_for_the_whole_of_an_answer_that_drips(capsys: pytest.CaptureFixture[str]) -> None:
    async def dripping(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(50):
            await response.write(b" ")
            await asyncio.sleep(0.1)
        return response

    began = time.monotonic()
    async with listening(dripping) as url:
        arguments = ["availability", f"--url={url}", "--month=2025-02", "--timeout=0.5s"]
        assert await asyncio.to_thread(main, arguments) == 1
    assert time.monotonic() - began < 3
    assert capsys.readouterr().err.endswith(": timed out\n")


async def test_words_of_a_server_that_refuses_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    async def refusing(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=500, text="\x1b[31m" + "a" * 1_000_000)

    async with listening(refusing) as url:
        assert await asyncio.to_thread(main, ["availability", f"--url={url}", "--month=2025-02"]) == 1
    said = capsys.readouterr().err
    assert r"HTTP 500: \x1b[31maaa" in said
    assert len(said) < 1200
