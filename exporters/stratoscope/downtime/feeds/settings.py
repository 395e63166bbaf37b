"""The key `feeds` of the configuration: who may read downtimes without a log-in, by a token in the URL."""

from collections.abc import Collection, Sequence

import msgspec

from stratoscope.core.config import known_keys
from stratoscope.core.errors import ConfigError
from stratoscope.core.web.asking.settings import HashedToken, check_once


class FeedSettings(HashedToken, frozen=True, forbid_unknown_fields=True):
    """A feed.

    Attributes:
        name: Shown in its title.
        sha256: Of the token in its URLs.
        labels: Only downtimes that concern what has these labels; none: all.
    """

    labels: dict[str, str] = msgspec.field(default_factory=dict)


def check(feeds: Sequence[FeedSettings], labels: Collection[str], key: str) -> None:
    """Check what concerns all of them together.

    Args:
        labels: That a feed may name.

    Raises:
        ConfigError: It names the key and what is allowed.
    """
    for number, feed in enumerate(feeds):
        known_keys(feed.labels, labels, f"{key}[{number}].labels", "unknown label")
    try:
        check_once(feeds, key)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def by_hash(feeds: Sequence[FeedSettings]) -> dict[str, FeedSettings]:
    """Feeds by the hash of their tokens, in small digits."""
    return {one.sha256.reveal().lower(): one for one in feeds}
