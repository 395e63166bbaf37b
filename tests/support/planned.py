"""A plan for one Alertmanager, what it has, and what the plan would do."""

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from stratoscope.downtime.matchers import written
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.silences.plan import Plan, plan
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.silence import Written, comment
from support.fake_alertmanager import NOW, FakeAlertmanager

HOUR_S = 3600


def planned(
    am: FakeAlertmanager,
    downtimes: Sequence[Downtime],
    records: Sequence[SilenceRecord] = (),
    now: float = NOW,
    known: Collection[str] = ("d1",),
) -> Plan:
    return plan("am", downtimes, am.listed(), records, now, known=known)


def has(am: FakeAlertmanager, one: Downtime, **fields: object) -> str:
    """Alertmanager has the first silence of this downtime."""
    matchers = one.matcher_sets[0]
    silence = Written(
        starts_at=one.start, ends_at=one.end, matchers=matchers, comment=comment(one, matchers, "")
    )
    return am.put(replace(silence, **fields))


def record(one: Downtime, silence_id: str, standing: Standing = Standing.WRITTEN) -> SilenceRecord:
    return SilenceRecord(
        alertmanager="am", downtime_id=one.id, matchers=written(one.matcher_sets[0]), silence_id=silence_id,
        standing=standing, starts_at=one.start, ends_at=one.end, revision=one.revision, changed_at=int(NOW),
    )  # fmt: skip


def writes(found: Plan) -> list[Written]:
    return [write.silence for step in found.steps for write in step.writes]


def expired(found: Plan) -> list[str]:
    return [expiry.silence_id for step in found.steps for expiry in step.expiries]
