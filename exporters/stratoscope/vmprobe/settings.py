"""The section `vmprobe:` of the configuration: the probes, each with the description of its VM."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from yarl import URL

from stratoscope.clouds import abilities
from stratoscope.clouds.client.cost import Requests
from stratoscope.clouds.registry import able, configured, identities, kind
from stratoscope.core.collector import Offer, OnScrape
from stratoscope.core.config import Duration, Section, decode
from stratoscope.core.errors import ConfigError
from stratoscope.core.files import read
from stratoscope.core.planner import Planner
from stratoscope.vmprobe.cloud_names import Identity, kinds_meant
from stratoscope.vmprobe.entries import Probe, probes
from stratoscope.vmprobe.limits import CeilingSettings
from stratoscope.vmprobe.probe_endpoint import ProbeEndpoint
from stratoscope.vmprobe.tally import BOUNDS

KEY: Final = "vmprobe"
PROBES: Final = Offer("probes", OnScrape(5))
"""The collector of this exporter."""

_LONGEST_TAG: Final = 64
_LARGEST_TOKEN: Final = 4096
_MOST_OBJECTIVES: Final = 8
"""Each adds a series to each histogram of each probe."""


class VMProbe(Section, frozen=True):
    """The section.

    Attributes:
        probes: Entries: our keys, and those of the description of a VM, see entries.py.
        tag: What this prober's objects carry. Two probers with one tag and one project delete each other's,
            ten minutes after their deadline.
        limits: Of each cloud.
        operators: The users who may run, pause and resume probes.
        pause_url: Asked before each run whether probes pause; "" for none.
        pause_token_file: The file with the bearer token for it; "" for none.
        probe_endpoint: Whether and how often `/probe` runs a probe.
        objectives: Durations that matter to users: each is a bucket of the histograms, as 60 s is.
    """

    probes: tuple[Any, ...] = ()
    tag: Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_TAG, pattern=r"^[A-Za-z0-9._-]+$")] = (
        "stratoscope-vmprobe"
    )
    limits: CeilingSettings = CeilingSettings()
    operators: tuple[str, ...] = ()
    pause_url: str = ""
    pause_token_file: str = ""
    probe_endpoint: ProbeEndpoint = ProbeEndpoint()
    objectives: Annotated[tuple[Duration, ...], msgspec.Meta(max_length=_MOST_OBJECTIVES)] = ()

    @property
    def bounds(self) -> Sequence[float]:
        """Upper bounds of the buckets of durations, in seconds."""
        return sorted({*BOUNDS, *map(float, self.objectives)})


class Settings(msgspec.Struct, frozen=True):
    """The settings of the exporter.

    Attributes:
        clouds: Entries of the kinds that can create VMs and have probes.
        probes: All probes, those of a matrix one by one.
        credentials: The entries of `clouds` with the other credentials that probes use.
    """

    clouds: list[Any]
    probes: list[Probe]
    vmprobe: VMProbe
    credentials: list[Any] = []

    def planner(self) -> Planner:
        """Raises ConfigError: As Planner."""
        return Planner(KEY, self.vmprobe, [PROBES, Requests.offer])

    def of(self, cloud: Any) -> Sequence[Probe]:
        """The probes of an entry of `clouds`."""
        return [probe for probe in self.probes if (probe.cloud, probe.kind) == (cloud.name, cloud.kind)]


def parse(document: Mapping[str, Any], flags: Mapping[str, str]) -> Settings:  # noqa: ARG001 - it has no flags
    """The settings from a configuration file.

    Raises:
        ConfigError: One line that names the key and what is allowed.
    """
    own = decode(VMProbe, document.get(KEY, {}), KEY)
    if not own.probes:
        what = "missing or empty; allowed: entries with name, cloud and a VM's description"
        raise ConfigError(f"{KEY}.probes: {what}")
    clouds, known = _clouds(own.probes, document)
    _check_operators(own.operators)
    _check_objectives(own.objectives)
    _check_pause(own)
    found = probes(own.probes, clouds, known, f"{KEY}.probes")
    settings = Settings(clouds, found, own)
    used = [cloud for cloud in clouds if settings.of(cloud)]
    settings = msgspec.structs.replace(settings, clouds=used, credentials=[*_credentials(used, found)])
    settings.planner()
    return settings


def _clouds(entries: Sequence[Any], document: Mapping[str, Any]) -> tuple[list[Any], Sequence[Identity]]:
    """The entries of `clouds:` of the kinds that probes name, and who all entries are.

    The SDK of a kind that no probe names may be missing. Raises ConfigError.
    """
    if document.get("clouds") is None:
        clouds = configured(document, abilities.Lifecycle)
        known = [(cloud.name, cloud.kind) for cloud in clouds]
    else:
        known = identities(document)
        clouds = configured(document, abilities.Lifecycle, kinds_meant(entries, known))
    kinds = able(abilities.Lifecycle)
    if not any(one in kinds for _, one in known):
        raise ConfigError(f"clouds: no entry of a kind that can create VMs; allowed: {', '.join(kinds)}")
    return [*clouds], known


def _check_operators(names: Sequence[str]) -> None:
    key = f"{KEY}.operators"
    for number, name in enumerate(names):
        if not name.strip() or not name.isprintable() or name.startswith("group:"):
            raise ConfigError(f"{key}[{number}]: {name[:80]!r} is no user; allowed: names of users")
        if name in names[:number]:
            raise ConfigError(f"{key}[{number}]: {name} stands twice; allowed: once")


def _check_objectives(objectives: Sequence[Duration]) -> None:
    for number, one in enumerate(objectives):
        if one in objectives[:number]:
            raise ConfigError(f"{KEY}.objectives[{number}]: {one} stands twice; allowed: once")


def _check_pause(own: VMProbe) -> None:
    """Raises ConfigError for a URL that cannot be asked, and a token file that cannot be read."""
    key = f"{KEY}.pause_url"
    if not own.pause_url:
        if own.pause_token_file:
            raise ConfigError(f"{KEY}.pause_token_file: nothing is asked; allowed: together with pause_url")
        return
    try:
        url = URL(own.pause_url)
    except ValueError as error:
        raise ConfigError(
            f"{key}: no URL; allowed: such as https://downtime.example/api/v1/active"
        ) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError(f"{key}: no URL of a server; allowed: http:// or https://")
    if url.user or url.password:
        raise ConfigError(f"{key}: with a user or password; allowed: a token in {KEY}.pause_token_file")
    if own.pause_token_file:
        token(Path(own.pause_token_file))


def token(file: Path) -> str:
    """The bearer token in a file.

    Raises:
        ConfigError: It cannot be read, or is no line of printable characters.
    """
    key = f"{KEY}.pause_token_file"
    text = read(file, key, largest=_LARGEST_TOKEN).decode(errors="replace").strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigError(f"{key}: {file}: expected one token in one line")
    return text


def _credentials(clouds: Sequence[Any], probes: Sequence[Probe]) -> Iterator[Any]:
    """The entries of the other credentials that probes use, with all that they refer to."""
    for cloud in clouds:
        of_kind = kind(cloud.kind)
        names = {
            one.vm.credential: one.name for one in probes if (one.cloud, one.kind) == (cloud.name, cloud.kind)
        }
        for credential, probe in sorted(names.items()):
            if credential:
                try:
                    yield of_kind.credential(cloud, credential)
                except ConfigError as error:
                    raise ConfigError(f"{KEY}.probes: {probe}: {error}") from error
