"""What the log says of an Alertmanager: once when it changes, not in each round."""

import logging
from collections.abc import Mapping
from typing import Final

from stratoscope.downtime.model import Action
from stratoscope.downtime.silences.by_hand import ByHand
from stratoscope.downtime.silences.report import Report

log = logging.getLogger(__name__)

_BY_HAND: Final[Mapping[Action, str]] = {
    Action.OVERRIDDEN: "a person expired a silence",
    Action.TAKEN_OVER: "a person took a silence over",
    Action.RESTORED: "a person moved a silence, it is written again",
}


def say_by_hand(seen: ByHand) -> None:
    log.warning(
        "%s alertmanager=%s downtime=%s changes=%s",
        _BY_HAND[seen.action], seen.record.alertmanager, seen.record.downtime_id, seen.fields,
    )  # fmt: skip


def say(before: Report, report: Report) -> None:
    """What is new since the round before."""
    _say_trouble(before, report)
    if report.unknown > before.unknown:
        log.warning(
            "silences of downtimes that are not in this database are left alone alertmanager=%s count=%d",
            report.alertmanager, report.unknown,
        )  # fmt: skip
    known = {one.silence_id for one in before.left}
    for one in report.left:
        if one.silence_id not in known:
            log.warning(
                "a silence that a person took over still mutes, though its downtime does not want it"
                " alertmanager=%s downtime=%s silence=%s owner=%r until=%d",
                one.alertmanager, one.downtime_id, one.silence_id, one.owner_in_words, one.ends_at,
            )  # fmt: skip
    if report.is_dry_run and (report.writes, report.expiries) != (before.writes, before.expiries):
        log.info(
            "dry run alertmanager=%s would_write=%d would_expire=%d",
            report.alertmanager, report.writes, report.expiries,
        )  # fmt: skip


def _say_trouble(before: Report, report: Report) -> None:
    if (report.failure and not before.failure) or (report.trouble and not before.trouble):
        log.error("silences are not in step alertmanager=%s error=%r", report.alertmanager, report.failure)
    elif before.failure and not report.failure:
        log.info("silences are in step again alertmanager=%s", report.alertmanager)
