"""Downtimes as RSS 2.0, for feed readers."""

import datetime as dt
import html
from collections.abc import Sequence
from email.utils import formatdate
from typing import Final
from xml.etree import ElementTree as ET

from stratoscope.downtime.feeds import markup
from stratoscope.downtime.feeds.site import Site, words
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.text import clean_line

CONTENT_TYPE: Final = "application/rss+xml; charset=utf-8"


def rss(downtimes: Sequence[Downtime], site: Site) -> bytes:
    """A feed with one item per downtime, in the order given.

    Readers take title and description for HTML, some of them unasked: both are escaped.
    """
    root = ET.Element("rss", version="2.0")
    channel = ET.SubElement(root, "channel")
    markup.add(channel, "title", _escaped(clean_line(site.title)))
    markup.add(channel, "link", f"{site.url}/")
    markup.add(channel, "description", "Downtimes, planned and unplanned")
    if downtimes:
        markup.add(channel, "lastBuildDate", _date(max(one.changed_at for one in downtimes)))
    for downtime in downtimes:
        _add_item(channel, downtime, site)
    return markup.document(root)


def _add_item(channel: ET.Element, downtime: Downtime, site: Site) -> None:
    """Each revision is a new item, since readers show an item once. One whose end is moved on by itself, as
    until further notice, stays the same revision."""
    cancelled_at = downtime.cancelled_at
    item = ET.SubElement(channel, "item")
    title = clean_line(downtime.title)
    markup.add(item, "title", _escaped(title if cancelled_at is None else f"Cancelled: {title}"))
    markup.add(item, "link", site.link(downtime))
    markup.add(item, "description", "<br>\n".join(_escaped(line) for line in _lines(downtime)))
    markup.add(item, "category", "planned" if downtime.planned else "unplanned")
    markup.add(item, "category", downtime.severity)
    markup.add(item, "guid", f"{downtime.id}/{downtime.revision}", isPermaLink="false")
    markup.add(item, "pubDate", _date(downtime.created_at if downtime.revision == 1 else downtime.changed_at))


def _lines(downtime: Downtime) -> list[str]:
    times = f"{_utc(downtime.start)} to {_utc(downtime.end)} UTC"
    return [times, *words(downtime).split("\n")]


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _date(moment: int) -> str:
    return formatdate(moment, usegmt=True)


def _utc(moment: int) -> str:
    return f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%d %H:%M}"
