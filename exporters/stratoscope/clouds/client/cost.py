"""Requests to one cloud, and its budget. Source: what the cloud's budget counts; no request is made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.client.stats import RequestStats
from stratoscope.core.collector import Collector, Offer, OnScrape
from stratoscope.core.metrics import Family, Labels, Sample

_CLOUD = ("cloud",)
_SERVICE = ("cloud", "service")
_CODE = ("cloud", "service", "operation", "code")

REQUESTS = Family(
    "stratoscope_cloud_requests_total",
    "Requests to the cloud by HTTP status, or timeout, connection, malformed, cancelled.",
    labels=_CODE,
)
SECONDS = Family(
    "stratoscope_cloud_request_seconds_total",
    "Sum of the durations of requests, without the time that they waited for the budget, in seconds.",
    labels=_CODE,
)
BYTES = Family(
    "stratoscope_cloud_response_bytes_total",
    "Bytes of the bodies of answers, after decompression.",
    labels=_CODE,
)
RETRIES = Family(
    "stratoscope_cloud_retries_total",
    "Requests repeated within a collection, by the code of the previous answer.",
    labels=_CODE,
)
WAIT = Family(
    "stratoscope_cloud_wait_seconds_total",
    "Sum of the seconds that requests waited for the budget.",
    labels=_CLOUD,
)
IN_FLIGHT = Family("stratoscope_cloud_requests_in_flight", "Requests in progress.", labels=_CLOUD)
CONCURRENCY = Family(
    "stratoscope_cloud_budget_concurrency",
    "Budget: maximum number of requests at once; one service gets at most half of them, and the last "
    "quarter is for services without a request in progress.",
    labels=_CLOUD,
)
PER_SECOND = Family(
    "stratoscope_cloud_budget_requests_per_second",
    "Budget: maximum number of requests per second.",
    labels=_CLOUD,
)
PER_REFRESH = Family(
    "stratoscope_cloud_budget_requests_per_refresh",
    "Budget: maximum number of requests of one collection of one collector.",
    labels=_CLOUD,
)
TIMEOUT = Family(
    "stratoscope_cloud_budget_timeout_seconds",
    "Budget: time-out of a request.",
    labels=_CLOUD,
)
PAUSED = Family(
    "stratoscope_cloud_paused_until_timestamp_seconds",
    "Unix time until which no request is sent to a service that answered 429 or 503; absent without a pause.",
    labels=_SERVICE,
)
LOGINS = Family(
    "stratoscope_cloud_logins_total", "Log-ins by result: ok, refused, failed.", labels=("cloud", "result")
)
EXPIRES = Family(
    "stratoscope_cloud_token_expires_timestamp_seconds",
    "Unix time at which the token in use expires; absent without a token.",
    labels=_CLOUD,
)
SKEW = Family(
    "stratoscope_cloud_clock_skew_seconds",
    "By how much the clock of the service is ahead of this machine's, by the header Date of its last answer "
    "(Keystone: by the moment of the last log-in); right to half a second and half of the time that the "
    "answer took; absent for one that says nothing of it, or nothing since this machine's clock was set.",
    labels=_SERVICE,
)


@dataclass(frozen=True, slots=True)
class Spending:
    """Attributes:
    paused: The end of each pause in force, in Unix seconds, by service.
    skews: By how many seconds the clock of each service is ahead.
    """

    spent: RequestStats
    paused: Mapping[str, float]
    skews: Mapping[str, float]


class Requests(Collector[Spending]):
    """What one cloud's budget counts, and its limits."""

    offer = Offer("requests", OnScrape(5))
    name = offer.name
    families = (
        REQUESTS, SECONDS, BYTES, RETRIES, WAIT, IN_FLIGHT, CONCURRENCY, PER_SECOND, PER_REFRESH, TIMEOUT,
        PAUSED, LOGINS, EXPIRES, SKEW,
    )  # fmt: skip

    def __init__(self, cloud: str, budget: Budget) -> None:
        self.cloud = cloud
        self._budget, self._labels = budget, Labels(cloud=cloud)

    async def fetch(self) -> Spending:
        budget = self._budget
        return Spending(budget.stats.spent(), budget.paused(), budget.skew.by_service)

    def samples(self, data: Spending, /) -> Iterable[Sample]:
        yield from self._calls(data.spent)
        yield from self._limits()
        for service, until in data.paused.items():
            yield PAUSED(until, self._labels.plus(service=service))
        for result, number in data.spent.logins.items():
            yield LOGINS(number, self._labels.plus(result=result))
        if data.spent.token_expires:
            yield EXPIRES(min(data.spent.token_expires.values()), self._labels)
        for service, ahead_s in data.skews.items():
            yield SKEW(ahead_s, self._labels.plus(service=service))

    def _calls(self, spent: RequestStats) -> Iterable[Sample]:
        for (service, operation, code), number in spent.requests.items():
            labels = self._labels.plus(service=service, operation=operation, code=code)
            yield REQUESTS(number, labels)
            yield SECONDS(spent.seconds[service, operation, code], labels)
            yield BYTES(spent.size[service, operation, code], labels)
        for (service, operation, code), number in spent.retries.items():
            yield RETRIES(number, self._labels.plus(service=service, operation=operation, code=code))
        yield WAIT(spent.waited_s, self._labels)
        yield IN_FLIGHT(spent.in_flight, self._labels)

    def _limits(self) -> Iterable[Sample]:
        limits = self._budget.limits
        yield CONCURRENCY(limits.concurrency, self._labels)
        yield PER_SECOND(limits.requests_per_second, self._labels)
        yield PER_REFRESH(limits.requests_per_refresh, self._labels)
        yield TIMEOUT(limits.timeout, self._labels)
