"""Where a feed comes from, and what all feeds say of a downtime in words."""

from typing import NamedTuple

from stratoscope.downtime.matchers import written
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.text import clean


class Site(NamedTuple):
    """The service as its users see it.

    Attributes:
        title: Of its feeds.
        url: Of its page, without a slash at the end; "" if it is not known.
    """

    title: str
    url: str

    def link(self, downtime: Downtime) -> str:
        """The address of the downtime's page; "" if it is not known."""
        return f"{self.url}/downtimes/{downtime.id}" if self.url else ""


def words(downtime: Downtime) -> str:
    """What a reader wants to know beside title and times: what it is, what is down, and the text."""
    kind = f"{'Planned' if downtime.planned else 'Unplanned'} {downtime.severity.replace('_', ' ')}"
    until = ", until further notice" if downtime.until_further_notice else ""
    head = [f"{kind}{until}", *map(written, downtime.matcher_sets)]
    return clean("\n".join(head + (["", downtime.text] if downtime.text else [])))
