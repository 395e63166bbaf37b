"""The pages of the probe exporter: what is shown in which order, forms, and texts instead of charts."""

import re
import time
from pathlib import Path

import pytest

from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.vmprobe import charts
from stratoscope.vmprobe.pages import MOST_RUNS, ON_A_PAGE
from stratoscope.vmprobe.record import Failure, Outcome, Run
from stratoscope.vmprobe.view import State
from support.asking import ask, basic
from support.fake_prober import FakeProber, failed, interrupted, probe, success
from support.html_page import Element, parsed, rows
from support.probe_site import crowd, probing


async def page(url: str, path: str = "/", user: str = "") -> Element:
    answer = await ask(url + path, headers=basic(user) if user else None)
    assert answer.status == 200, answer.text
    return parsed(answer.text).one("body")


def cards(shown: Element) -> list[Element]:
    return [one for one in shown.all("section") if "card" in one.attributes["class"].split()]


def names(shown: Element) -> list[str]:
    return [card.one("h2").text for card in cards(shown)]


async def test_failures_come_first_and_the_summary_counts() -> None:
    lab = FakeProber(probe("z", failed(1), cloud="lab"), cloud="lab")
    uni = FakeProber(
        probe("works", success(1)),
        probe("paused", failed(1), state=State.PAUSED),
        probe("new"),
        probe("limited", success(1), state=State.LIMITED),
        probe("b", success(1), failed(2)),
    )
    async with probing(uni, lab) as url:
        shown = await page(url)
    assert names(shown) == ["z lab", "b uni", "limited uni", "new uni", "paused uni", "works uni"]
    words = [card.one("div", **{"class": "facts"}).all("p")[0].text for card in cards(shown)]
    assert words == ["✗ fails", "✗ fails", "◌ no result", "◌ no result", "⊘ paused", "✓ works"]
    summary = shown.one("section", aria_label="Summary").all("p")
    assert summary[0].text == "✗ 1 of 6 probes work, 2 fail, 2 without a result, 1 paused"
    assert summary[1].text.startswith(
        "z (lab) fails in scheduled: no_valid_host, blame: cloud: No valid host"
    )


async def test_where_all_works_nothing_is_said_to_fail() -> None:
    async with probing(FakeProber(probe("a", success(1)))) as url:
        summary = (await page(url)).one("section", aria_label="Summary")
    first, second = summary.all("p")
    assert first.text == "✓ 1 of 1 probes work"
    assert re.fullmatch(r"As of \S+ \S+ UTC\.", second.text)


async def test_page_without_probes_says_so() -> None:
    async with probing() as url:
        shown = await page(url)
    assert "No probe is open" in shown.one("section").text
    assert "No cloud with probes is open." in shown.text


async def test_strip_has_words_for_its_cells() -> None:
    runs = [*(success(n) for n in range(60)), failed(61, ago_s=720), interrupted(62), success(63)]
    async with probing(FakeProber(probe("a", *runs))) as url:
        figure = (await page(url)).one("figure")
    assert figure.text == (
        "48 of 49 runs succeeded; 1 interrupted; last failure 12 min ago in scheduled: no_valid_host."
    )
    svg = figure.one("svg")
    assert svg.attributes["aria-hidden"] == "true", "the words beside it say the same"
    cells = {one.attributes["class"]: one.attributes["d"].count("M") for one in svg.all("path")}
    assert cells == {"floor": 1, "success": 48, "failed": 1, "interrupted": 1}


def test_strip_puts_the_newest_run_at_its_right_end_each_outcome_in_a_shape_of_its_own() -> None:
    runs = [success(1), failed(2), interrupted(3), Run(id="f", probe="a", began=0)]
    paths = charts.strip(runs)
    assert [re.findall(r"M(\d+) 20", path) for path in paths.values()] == [["461"], ["471"], ["481"], ["491"]]
    assert len({path.partition(" 20")[2] for path in paths.values()}) == len(Outcome)
    assert charts.strip([]) == {}


def test_bars_follow_one_another_but_those_side_by_side() -> None:
    phases = {
        Phase.REQUEST: 1.0,
        Phase.SCHEDULED: 1.0,
        Phase.NETWORKED: 2.0,
        Phase.BUILT: 6.0,
        Phase.GONE: 2.0,
    }
    bars = charts.bars(success(1, phases=phases))
    assert [(bar.phase.value, bar.left, bar.width) for bar in bars] == [
        ("request", 0, 100), ("scheduled", 100, 100), ("networked", 200, 200), ("built", 200, 600),
        ("gone", 800, 200),
    ]  # fmt: skip
    (bar,) = charts.bars(failed(1, Failure(Phase.AUTHENTICATE, RunReason.AUTH, ""), phases={}))
    assert (bar.phase, bar.seconds, bar.has_failed) == (Phase.AUTHENTICATE, None, True)
    late = failed(1, Failure(Phase.GONE, RunReason.CLEANUP, ""), phases={Phase.GONE: 3.0})
    assert [(bar.seconds, bar.has_failed) for bar in charts.bars(late)] == [(3.0, True)]


def test_a_volume_that_the_vm_boots_from_stands_before_the_request_and_another_after_it_was_built() -> None:
    first = {Phase.RESOLVE: 1.0, Phase.VOLUME_CREATED: 2.0, Phase.REQUEST: 1.0, Phase.BUILT: 1.0}
    later = {Phase.RESOLVE: 1.0, Phase.REQUEST: 1.0, Phase.BUILT: 1.0, Phase.VOLUME_CREATED: 2.0}
    for phases in (first, later):
        assert [bar.phase for bar in charts.bars(success(1, phases=phases))] == list(phases)
    no_volume = Failure(Phase.VOLUME_CREATED, RunReason.QUOTA, "no room")
    shown = charts.bars(failed(1, no_volume, phases={Phase.RESOLVE: 1.0, Phase.GONE: 1.0}))
    assert [(bar.phase, bar.has_failed) for bar in shown] == [
        (Phase.RESOLVE, False), (Phase.VOLUME_CREATED, True), (Phase.GONE, False),
    ]  # fmt: skip


async def test_what_is_left_out_is_said_with_its_reason() -> None:
    run = success(1, left_out={Phase.VOLUME_CREATED: "no volume service <here>"})
    async with probing(FakeProber(probe("a", run))) as url:
        for path in ("/", "/probes/uni/a"):
            facts = (await page(url, path)).one("div", **{"class": "facts"})
            assert "Left out: volume_created: no volume service <here>" in [
                one.text for one in facts.all("p")
            ]


async def test_phases_of_the_last_run_are_words_too() -> None:
    late = failed(
        1, Failure(Phase.GONE, RunReason.CLEANUP, ""), phases={Phase.REQUEST: 0.65, Phase.GONE: 3.0}
    )
    async with probing(FakeProber(probe("a", failed(1)), probe("b", late))) as url:
        first, second = (card.one("ul").all("li") for card in cards(await page(url)))
    assert [one.text for one in first] == [
        "authenticate 210 ms", "resolve 340 ms", "quota_check 120 ms", "request 650 ms",
        "✗ scheduled failed", "deleted 300 ms", "gone 3.1 s",
    ]  # fmt: skip
    assert [one.text for one in second] == ["request 650 ms", "✗ gone failed after 3 s"]


ACTIVITIES = {
    "idle": ({}, r"Next run \S+ \S+ UTC \(in 3 min\)\."),
    "running": ({"state": State.RUNNING, "running": Run(id="f", probe="a", began=1e9)},
                r"Running since 2001-09-09 01:46:40 UTC \(\d+ d ago\)\."),
    "paused": ({"state": State.PAUSED, "next_run": None, "why": "by hand"}, r"Paused: by hand\."),
    "until": ({"state": State.PAUSED, "next_run": None, "until": 4e9, "why": "power\x1b"},
              r"Paused until 2096-10-02 07:06:40 UTC \(in \d+ d\): power\\x1b\."),
    "limited": ({"state": State.LIMITED, "next_run": None, "why": "24 VM-hours"}, r"Limited: 24 VM-hours\."),
    "backing off": ({"state": State.BACKING_OFF, "until": 4e9, "next_run": 4e9, "why": "3 failures"},
                    r"Backing off until .* UTC \(in \d+ d\): 3 failures\. Next run .*\."),
    "waiting": ({"state": State.WAITING, "next_run": None}, r"Waiting\."),
    "no next": ({"next_run": None}, r""),
}  # fmt: skip


@pytest.mark.parametrize(("more", "said"), ACTIVITIES.values(), ids=ACTIVITIES)
async def test_what_a_probe_does_now_and_next_is_said(more: dict[str, object], said: str) -> None:
    async with probing(FakeProber(probe("a", **more))) as url:
        facts = cards(await page(url))[0].one("div", **{"class": "facts"}).all("p")
    assert re.fullmatch(said, " ".join(one.text for one in facts[1:]))


async def test_pages_are_bounded_and_failures_are_on_the_first() -> None:
    (prober,) = crowd()
    async with probing(prober) as url:
        first, last = await page(url), await page(url, "/?page=20")
        assert len(cards(first)) == len(cards(last)) == ON_A_PAGE
        assert names(first)[:11] == [*(f"probe-{n:03} uni" for n in range(0, 500, 50)), "probe-001 uni"]
        assert names(last)[-1] == "probe-499 uni"
        links = first.one("nav", aria_label="Pages of probes").all("a")
        assert [link.text for link in links] == [*map(str, range(1, 21)), "Next"]
        assert links[0].attributes["aria-current"] == "page"
        links = last.one("nav", aria_label="Pages of probes").all("a")
        assert (links[0].text, links[0].attributes["href"]) == ("Previous", "/?page=19")
        assert names(await page(url, "/?page=99")) == names(last)
        for other in ("0", "-1", "x", "9" * 5000):
            assert names(await page(url, f"/?page={other}"))[-1] in (names(first)[-1], names(last)[-1])
        assert len((await ask(url)).text) < 200_000


async def test_page_of_a_probe_has_its_runs_its_vm_and_its_hosts() -> None:
    bad = failed(2, host="compute-9", ago_s=30)
    hosts = {"compute-1": success(1), "compute-2": bad}
    prober = FakeProber(
        probe("m/tiny,a", success(1, ago_s=90), bad, hosts=hosts, vm={"flavor": "tiny", "zone": ""})
    )
    async with probing(prober) as url:
        shown = await page(url)
        link = cards(shown)[0].one("h2").one("a").attributes["href"]
        assert link == "/probes/uni/m%2Ftiny%2Ca"
        shown = await page(url, link)
    assert [one.text for one in shown.one("dl").all("dt")] == ["interval", "flavor"]
    assert shown.one("dl").all("dd")[0].text == "5 min; a run takes 4 min at most"
    assert [row["Host"] for row in rows(shown, "Last run on each host")] == ["compute-2", "compute-1"]
    newest, oldest = rows(shown, "Last runs")
    assert newest["State"] == "✗ failed"
    assert (
        newest["Failure"]
        == "scheduled: no_valid_host, blame: cloud: No valid host was found. <b>No</b> host is left"
    )
    assert (newest["Host"], newest["VM"]) == ("compute-9", "6e0c1f0a-0000-4000-8000-000000000002")
    assert newest["Phases"].startswith("authenticate 210 ms, resolve 340 ms, ")
    assert (oldest["Took"], oldest["Failure"]) == ("13.5 s", "")
    assert re.fullmatch(r"\S+ \S+ UTC \(10\d s ago\)", oldest["Began"])


@pytest.mark.parametrize(("rotates", "asked"), [(True, ""), (True, "host-1"), (True, None), (False, "")])
async def test_rotation_that_may_choose_no_host_is_said_to_have_tested_none(
    asked: str | None, *, rotates: bool
) -> None:
    run = success(1, host="host-1", asked_host=asked)
    hosts = {"host-1": run} if rotates and asked != "" else {}
    async with probing(FakeProber(probe("boot", run, rotates=rotates, hosts=hosts))) as url:
        shown = (await page(url, "/probes/uni/boot")).text
    is_of_nobodys_choice = rotates and asked == ""
    assert ("The rotation tested no host: it knows none on which" in shown) is is_of_nobodys_choice
    assert ("1 of 1 tested hosts of the rotation work" in shown) is (len(hosts) == 1)


async def test_tables_of_a_probe_are_bounded() -> None:
    hosts = {f"compute-{n:03}": success(n) for n in range(501)}
    many = [success(n) for n in range(80)]
    async with probing(FakeProber(probe("a", *many, hosts=hosts), probe("b"))) as url:
        shown = await page(url, "/probes/uni/a")
        assert len(rows(shown, "Last runs")) == MOST_RUNS
        assert len(rows(shown, "Last run on each host")) == 500
        assert "500 of 501 are shown; the API has all." in shown.text
        assert "None has ended yet." in (await page(url, "/probes/uni/b")).text
        assert (await ask(f"{url}/probes/lab/a")).status == 404


async def test_words_of_a_cloud_are_text_and_cannot_move_a_terminal() -> None:
    words = "<script>alert(1)</script>\x1b[2J\u202e" + "y" * 900
    bad = failed(1, Failure(Phase.BUILT, RunReason.UNKNOWN, words), host="<b>\x1b", vm_id="<i>")
    async with probing(FakeProber(probe("a", bad, hosts={"<b>\x1b": bad}))) as url:
        shown = await page(url)
        (quoted,) = cards(shown)[0].all("q")
        assert quoted.text.startswith(r"<script>alert(1)</script>\x1b[2J\u202eyy")
        assert len(quoted.text) == 303
        answer = await ask(f"{url}/probes/uni/a")
    assert not re.search("<script|<b>|\x1b|\u202e", answer.text)
    assert len(rows(parsed(answer.text), "Last runs")[0]["Failure"]) > 900


async def test_operator_has_forms_that_lead_back(tmp_path: Path) -> None:
    prober = FakeProber(probe("m/a", success(1)))
    async with probing(prober, users_in=tmp_path) as url:
        assert (await page(url, user="bob")).all("form") == []
        run, pause = (await page(url, user="alice")).all("form")
        assert [run.one("button").text, pause.one("button").text] == ["Run now", "Pause"]
        path = "/probes/uni/m%2Fa"
        assert [run.attributes["action"], pause.attributes["action"]] == [f"{path}/run", f"{path}/pause"]
        fields = {one.attributes["name"]: one.attributes["value"] for one in pause.all("input")}
        assert fields["back"] == "/"

        async def send(verb: str, user: str = "alice", **more: str) -> tuple[int, str]:
            answer = await ask(f"{url}{path}/{verb}", "POST", headers=basic(user), data=fields | more)
            return answer.status, answer.location

        assert await send("pause", **{"for": "1h"}) == (303, "/")
        assert await send("pause", **{"for": ""}) == (303, "/")
        assert [one.one("button").text for one in (await page(url, path, "alice")).all("form")][1] == "Resume"
        assert await send("resume", back="") == (303, path)
        assert await send("run", back="/?page=2") == (303, "/?page=2")
        for elsewhere in ("//evil.example/", "http://evil.example", "/\\evil", "/?page=1\r\nX: y"):
            assert await send("run", back=elsewhere) == (303, path)
        assert (await send("pause", **{"for": "3y"}))[0] == 400
        assert (await send("run", csrf="1.wrong"))[0] == 403
        assert (await send("pause", csrf="1.wrong"))[0] == 403
        assert (await send("resume", csrf="1.wrong"))[0] == 403
        assert (await send("run", user="bob"))[0] == 403
    until = prober.asked[0][2]
    assert isinstance(until, float)
    assert 3590 < until - time.time() <= 3600
    assert prober.asked[1:4] == [("pause", "m/a", None), ("resume", "m/a"), ("run", "m/a")]
    assert len(prober.asked) == 8


async def test_pages_are_for_those_who_log_in(tmp_path: Path) -> None:
    async with probing(FakeProber(probe("a")), users_in=tmp_path) as url:
        for path in ("/", "/probes/uni/a"):
            assert (await ask(url + path)).status == 401
            assert (await ask(url + path, headers=basic("bob"))).status == 200
        answer = await ask(f"{url}/collectors", headers=basic("bob"))
        assert answer.status == 200
