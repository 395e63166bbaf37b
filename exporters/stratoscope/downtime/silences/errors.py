"""Why an Alertmanager is not in step: a closed set of reasons, each with words."""

from enum import StrEnum

from stratoscope.core.errors import short_line
from stratoscope.core.masking import masked


class Reason(StrEnum):
    """Why a reconcile, or a request of one, failed."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    UNAUTHORIZED = "unauthorized"
    MALFORMED = "malformed"
    """No answer of an Alertmanager's API: half-written, too large, a redirect."""
    REJECTED = "rejected"
    """4xx: Alertmanager says what it does not take."""
    LIMIT = "limit"
    """As many silences as `--silences.max-silences` allows; expired ones count, too."""
    FAILED = "failed"
    """5xx."""
    CLUSTER = "cluster"
    """Another entry of the configuration is a member of the same cluster."""
    SPLIT = "split"
    """Several Alertmanagers that do not gossip answer at one address."""
    DISPUTED = "disputed"
    """Something else keeps changing silences of ours, such as an exporter with a copy of the database."""
    CREDENTIALS = "credentials"
    """A file of the configuration cannot be read."""
    DOWNTIMES = "downtimes"
    """The downtimes, or the records of silences, could not be read or stored."""


class AlertmanagerError(Exception):
    """`str()` of it is one line, without secrets.

    Attributes:
        is_away: Whether no other request can succeed now either, as far as one failure tells: a proxy may
            refuse a single silence with any status.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        # A file of the configuration is named with its path, in which nothing is a secret.
        super().__init__(short_line(message if reason is Reason.CREDENTIALS else masked(message)))
        self.reason = reason

    @property
    def is_away(self) -> bool:
        return self.reason in {Reason.TIMEOUT, Reason.UNREACHABLE, Reason.CREDENTIALS}

    @property
    def is_of_one(self) -> bool:
        """Whether the refusal of a silence says nothing of other silences."""
        return self.reason in {Reason.REJECTED, Reason.FAILED, Reason.MALFORMED, Reason.DISPUTED}
