"""What people do to silences of ours: seen, told apart, and said."""

import logging

import pytest
from msgspec.structs import replace

from stratoscope.clouds.client.clock import Clock
from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.model import Action, Downtime
from stratoscope.downtime.silences.by_hand import ByHand
from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.silence import CREATED_BY, Silence, Written
from support.fake_alertmanager import NOW, FakeAlertmanager, Records, downtime, on

HOUR_S = 3600
SET = '{host="n1"}'


class House:
    """An Alertmanager that has the silence of one downtime."""

    def __init__(self, one: Downtime | None = None) -> None:
        self.now = NOW
        self.clock = Clock(now=lambda: self.now)
        self.am, self.records = FakeAlertmanager(clock=self.clock), Records([one or downtime()])
        self.start()

    def start(self) -> None:
        """The service is started, and knows what is stored alone."""
        self.reconciler = Reconciler(self.am, self.records, self.records, clock=self.clock)

    async def silence(self) -> Silence:
        """After the first round, and a minute."""
        await self.reconciler.reconcile()
        self.now += 60
        (silence,) = self.am.live()
        return silence

    def edit(self, silence: Silence, **fields: object) -> None:
        """In place, as `amtool silence update` does."""
        self.am.by_id[silence.id] = replace(silence, updated_at=self.am.now, **fields)

    def edit_anew(self, silence: Silence, created_by: str = CREATED_BY, **fields: object) -> str:
        """As Alertmanager's own page does with other matchers: the old one is expired; the new id."""
        before = Written(
            id=silence.id, starts_at=silence.starts_at, ends_at=silence.ends_at, matchers=silence.matchers,
            comment=silence.comment,
        )  # fmt: skip
        return self.am.put(replace(before, **fields), created_by)

    async def rounds(self, count: int = 2) -> None:
        for _ in range(count):
            await self.reconciler.reconcile()
        assert self.reconciler.report.is_in_step

    @property
    def seen(self) -> ByHand:
        (only,) = self.records.noted
        return only

    @property
    def record(self) -> SilenceRecord:
        (only,) = self.records.all
        return only

    @property
    def counts(self) -> tuple[int, int, int]:
        report = self.reconciler.report
        return report.overridden, report.taken_over, len(report.left)


@pytest.mark.parametrize("fields", [{"created_by": "bob"}, {"comment": "mine now"}])
async def test_one_that_is_edited_in_place_is_taken_over(
    fields: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    silence = await house.silence()
    house.edit(silence, ends_at=NOW + 9 * HOUR_S, **fields)
    await house.rounds()
    owner, end = str(fields.get("created_by", "")), int(NOW) + 9 * HOUR_S
    assert house.seen.action is Action.TAKEN_OVER
    assert house.seen.fields == {
        "silence": (silence.id, silence.id), "matchers": (SET, SET),
        "author": (CREATED_BY, owner or "by hand"), "end": (int(NOW) + HOUR_S, end),
        **({"comment": (None, fields["comment"])} if "comment" in fields else {}),
    }  # fmt: skip
    assert (house.record.standing, house.record.owner, house.record.ends_at) == (
        Standing.TAKEN_OVER, owner, end,
    )  # fmt: skip
    assert house.counts == (0, 1, 0)
    assert [one.id for one in house.am.live()] == [silence.id]
    (logged,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert logged.message.startswith("a person took a silence over alertmanager=am downtime=d1 changes={'sil")


@pytest.mark.parametrize(
    ("author", "words"),
    [(CREATED_BY, None), ("bob", None), (CREATED_BY, "all of the rack")],
    ids=["matchers", "matchers and author", "matchers and comment"],
)
async def test_one_whose_matchers_are_edited_has_another_id(author: str, words: str | None) -> None:
    house = House()
    silence = await house.silence()
    fields = {"matchers": on(host="n7")} | ({"comment": words} if words else {})
    heir = house.edit_anew(silence, author, **fields)
    await house.rounds()
    assert house.seen.action is Action.TAKEN_OVER
    assert house.seen.fields["silence"] == (silence.id, heir)
    assert house.seen.fields["matchers"] == (SET, '{host="n7"}')
    assert (house.record.silence_id, house.record.owner) == (heir, "" if author == CREATED_BY else author)
    assert house.seen.fields["author"][1] == (house.record.owner or "by hand")
    assert house.seen.fields.get("comment") == (words and (None, words))
    assert house.counts == (0, 1, 0)


async def test_what_others_do_beside_it_is_not_taken_for_it() -> None:
    house = House()
    silence = await house.silence()
    words = silence.comment
    copy = Written(starts_at=NOW, ends_at=NOW + 9 * HOUR_S, matchers=on(host="n1"), comment=words)
    house.am.put(copy, "bob")
    house.am.put(replace(copy, comment="no key"), CREATED_BY)
    house.am.put(replace(copy, comment="his own"), "bob")
    house.now += 60
    house.am.end(silence.id)
    house.am.put(replace(copy, comment=words.replace("d1", "d2")), "bob")
    edited = next(one for one in house.am.live() if one.comment == "no key")
    house.edit(edited, ends_at=NOW + 8 * HOUR_S)
    await house.rounds()
    assert house.seen.action is Action.OVERRIDDEN
    assert house.counts == (1, 0, 0)


@pytest.mark.parametrize(("after_s", "action"), [(0.01, Action.TAKEN_OVER), (0.1, Action.OVERRIDDEN)])
async def test_what_is_created_later_is_not_what_became_of_ours(after_s: float, action: Action) -> None:
    house = House()
    silence = await house.silence()
    house.am.end(silence.id)
    house.now += after_s
    house.am.put(Written(starts_at=NOW, ends_at=NOW + HOUR_S, matchers=on(host="n7"), comment="another"))
    await house.rounds()
    assert house.seen.action is action


async def test_of_several_that_became_of_ours_the_last_one_is_it() -> None:
    house = House()
    silence = await house.silence()
    house.edit_anew(silence, "bob", matchers=on(host="n7"))
    house.now += 1
    copy = Written(starts_at=NOW, ends_at=NOW + HOUR_S, matchers=on(host="n8"), comment=silence.comment)
    last = house.am.put(copy, "eve")
    await house.rounds()
    assert (house.record.owner, house.record.silence_id) == ("eve", last)


async def test_nothing_becomes_of_one_that_came_to_its_end() -> None:
    house = House()
    silence = await house.silence()
    house.am.by_id[silence.id] = replace(silence, ends_at=NOW + 30)  # an older one, by a crash
    copy = Written(starts_at=NOW, ends_at=NOW + HOUR_S, matchers=on(host="n8"), comment=silence.comment)
    house.am.put(copy, "bob")
    await house.rounds()
    assert {one.created_by for one in house.am.live()} == {"bob", CREATED_BY}
    assert house.records.noted == []


async def test_what_was_taken_over_is_followed_until_it_is_expired() -> None:
    house = House()
    silence = await house.silence()
    house.edit(silence, created_by="bob\x00" + "x" * 200, comment="mine\n" + "x" * 400)
    await house.rounds()
    assert house.seen.fields["comment"][1] == ("mine\\n" + "x" * 400)[:300]
    house.edit(house.am.by_id[silence.id], created_by="eve", ends_at=1e12)
    await house.rounds()
    assert (house.record.owner, house.record.ends_at) == ("eve", 253_370_764_800)
    assert house.record.changed_at == NOW + 60
    house.now += 60
    house.am.end(silence.id)
    await house.rounds()
    assert (house.record.standing, house.record.owner) == (Standing.OVERRIDDEN, "")
    assert house.counts == (1, 0, 0)
    assert house.seen.record.owner == ("bob\\x00" + "x" * 200)[:100]


@pytest.mark.parametrize("is_known", [True, False], ids=["seen before", "not seen before"])
async def test_what_was_taken_over_is_left_when_its_downtime_is_cancelled(
    is_known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    house = House()
    silence = await house.silence()
    house.edit(silence, comment="mine")
    if is_known:
        await house.rounds()
    house.records.change("d1", cancelled_at=int(NOW))
    await house.rounds(3)
    assert house.seen.action is Action.TAKEN_OVER
    assert house.counts == (0, 1, 1)
    assert house.record == house.reconciler.report.left[0]
    assert [one.state for one in house.am.live()] == ["active"]
    said = f"downtime=d1 silence={silence.id} owner='a person' until={int(NOW) + HOUR_S}"
    assert caplog.text.count(f"still mutes, though its downtime does not want it alertmanager=am {said}") == 1
    house.am.end(silence.id)
    await house.rounds()
    assert (house.records.all, house.counts) == ([], (0, 0, 0))


async def test_what_was_taken_over_is_left_when_its_set_is_removed() -> None:
    house = House()
    silence = await house.silence()
    house.edit(silence, created_by="bob")
    house.records.change("d1", matcher_sets=(on(host="n2"),))
    await house.rounds()
    assert house.counts == (0, 1, 1)
    assert {one.standing for one in house.records.all} == {Standing.WRITTEN, Standing.TAKEN_OVER}


async def test_after_a_change_ours_is_written_beside_theirs(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    silence = await house.silence()
    house.edit(silence, created_by="bob")
    await house.rounds()
    house.records.change("d1", title="again")
    await house.rounds()
    assert {one.created_by for one in house.am.live()} == {"bob", CREATED_BY}
    assert caplog.text.count("still mutes") == 1
    assert house.record.standing is Standing.WRITTEN


async def test_one_that_was_expired_before_its_downtime_was_over_is_forgotten() -> None:
    house = House()
    silence = await house.silence()
    house.am.end(silence.id)
    house.records.change("d1", cancelled_at=int(NOW))
    await house.rounds()
    assert (house.records.all, house.records.noted) == ([], [])


@pytest.mark.parametrize("start_s", [0, HOUR_S], ids=["active", "pending"])
async def test_another_end_by_hand_is_undone_and_said(start_s: int, caplog: pytest.LogCaptureFixture) -> None:
    one = downtime(start=int(NOW) + start_s, end=int(NOW) + 3 * HOUR_S)
    house = House(one)
    silence = await house.silence()
    house.edit(silence, ends_at=one.end - HOUR_S)
    await house.rounds()
    (after,) = house.am.live()
    assert (after.id, after.ends_at) == (silence.id, one.end)
    assert house.seen.action is Action.RESTORED
    assert house.seen.fields == {
        "silence": (silence.id, silence.id), "matchers": (SET, SET), "end": (one.end - HOUR_S, one.end),
    }  # fmt: skip
    assert house.record.standing is Standing.WRITTEN
    assert "a person moved a silence, it is written again alertmanager=am downtime=d1" in caplog.text


async def test_another_start_by_hand_is_undone_and_said() -> None:
    one = downtime(start=int(NOW) + HOUR_S, end=int(NOW) + 3 * HOUR_S)
    house = House(one)
    silence = await house.silence()
    house.edit(silence, starts_at=float(one.start + 60))
    await house.rounds()
    assert house.am.live()[0].starts_at == one.start
    assert house.seen.fields["start"] == (one.start + 60, one.start)
    assert "end" not in house.seen.fields


async def test_what_we_move_or_a_crash_brings_back_is_not_a_persons() -> None:
    house = House()
    silence = await house.silence()
    house.records.downtimes["d1"] = replace(house.records.downtimes["d1"], end=int(NOW) + 2 * HOUR_S)
    await house.rounds()  # as REARMED: its revision stays
    house.am.by_id[silence.id] = silence
    await house.rounds()
    house.records.change("d1", end=int(NOW) + 3 * HOUR_S)
    await house.rounds()
    assert house.am.live()[0].ends_at == NOW + 3 * HOUR_S
    assert house.records.noted == []


@pytest.mark.parametrize("ahead_s", [HOUR_S - 61, HOUR_S])
async def test_what_we_expire_by_a_clock_that_is_ahead_is_written_again_when_it_is_set_back(
    ahead_s: float,
) -> None:
    house = House()
    silence = await house.silence()
    house.edit(silence, ends_at=NOW + 9 * HOUR_S)
    house.am.ahead_s = ahead_s
    await house.rounds()
    assert house.am.live() == []
    house.am.ahead_s = 0
    await house.rounds()
    assert [one.ends_at for one in house.am.live()] == [NOW + HOUR_S]
    assert house.records.noted == []


@pytest.mark.parametrize("start_s", [0, HOUR_S], ids=["updated", "replaced"])
async def test_annotations_of_a_person_stay(start_s: int) -> None:
    house = House(downtime(start=int(NOW) + HOUR_S, end=int(NOW) + 3 * HOUR_S))
    silence = await house.silence()
    house.edit(silence, annotations={"ticket": "7"})
    house.records.change("d1", start=int(NOW) + start_s, end=int(NOW) + 2 * HOUR_S)
    await house.rounds()
    (after,) = house.am.live()
    assert (after.ends_at, after.annotations) == (NOW + 2 * HOUR_S, {"ticket": "7"})


async def test_an_edit_just_after_our_own_write_is_a_persons_and_a_crash_is_not() -> None:
    house = House()
    await house.silence()
    house.records.change("d1", end=int(NOW) + 2 * HOUR_S)
    await house.rounds(1)
    (ours,) = house.am.live()
    house.now += 0.5
    house.edit(ours, ends_at=NOW + 5 * HOUR_S)
    await house.rounds()
    assert house.seen.fields["end"] == (int(NOW) + 5 * HOUR_S, int(NOW) + 2 * HOUR_S)
    house.records.noted.clear()
    for end_s in (3 * HOUR_S, 4 * HOUR_S):
        (before,) = house.am.live()
        house.now += 0.5
        house.records.change("d1", end=int(NOW) + end_s)
        await house.rounds(1)
        house.am.by_id[before.id] = before
        await house.rounds(1)
    assert house.am.live()[0].ends_at == NOW + 4 * HOUR_S
    assert house.records.noted == []


async def test_an_edit_just_after_a_silence_was_created_is_a_persons() -> None:
    house = House()
    await house.reconciler.reconcile()
    house.edit(*house.am.live(), ends_at=NOW + 5 * HOUR_S)
    await house.rounds()
    assert house.seen.action is Action.RESTORED


async def test_an_edit_that_could_not_be_noted_is_noted_in_the_next_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def full(_: ByHand) -> None:
        raise StoreError("file", "no space left")

    house = House()
    house.edit(await house.silence(), ends_at=NOW + 5 * HOUR_S)
    with monkeypatch.context() as broken:
        broken.setattr(house.records, "note_by_hand", full)
        with pytest.raises(StoreError):
            await house.reconciler.reconcile()
    await house.rounds()
    assert house.seen.action is Action.RESTORED


@pytest.mark.parametrize(("after_s", "noted"), [(2.0, 0), (2.5, 1)])
async def test_an_edit_while_nobody_looked_is_a_persons_if_it_is_surely_no_older_one(
    after_s: float, noted: int
) -> None:
    house = House()
    await house.reconciler.reconcile()
    house.now += after_s
    house.edit(*house.am.live(), ends_at=NOW + 5 * HOUR_S)
    house.start()
    await house.rounds()
    assert house.am.live()[0].ends_at == NOW + HOUR_S
    assert len(house.records.noted) == noted


async def test_what_waits_for_its_start_when_our_clock_is_set_ahead_is_not_a_persons() -> None:
    house = House(downtime(start=int(NOW) + HOUR_S, end=int(NOW) + 9 * HOUR_S))
    await house.silence()
    house.now += 2 * HOUR_S
    house.am.ahead_s = -2 * HOUR_S
    house.start()
    await house.rounds()
    assert [one.state for one in house.am.live()] == ["active"]
    assert house.records.noted == []
