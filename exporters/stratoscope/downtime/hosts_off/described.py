"""The downtime of a host that is off or at risk, in the words of whoever says so."""

from stratoscope.downtime.draft import LONGEST_TEXT, LONGEST_TITLE, Checked
from stratoscope.downtime.matchers import Matcher, matcher_set
from stratoscope.downtime.model import REARM_S, Severity


def host_downtime(  # noqa: PLR0913 - all that it says
    cloud: str, host: str, reason: str, now: int, *, is_at_risk: bool = False, cap_s: int
) -> Checked:
    """A downtime that lasts from now for REARM_S, or up to the cap. One that is at risk silences nothing.

    Args:
        reason: Free text; what cannot be printed is left out.
        cap_s: For so long a host may be off.
    """
    what = "disabled, its VMs go on" if is_at_risk else "switched off"
    said = _printable(reason)
    why = f": {' '.join(said.split())}" if said.strip() else ""
    return Checked(
        title=_printable(f"{host} {what}{why}")[:LONGEST_TITLE],
        text=said[:LONGEST_TEXT],
        planned=True,
        severity=Severity.AT_RISK if is_at_risk else Severity.OUTAGE,
        start=now,
        end=now + min(REARM_S, cap_s),
        until_further_notice=False,
        matcher_sets=(matcher_set([Matcher("cloud", cloud), Matcher("host", host)]),),
        silences=not is_at_risk,
    )


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)
