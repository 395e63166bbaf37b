"""How OpenStack's services write objects, moments, addresses and daemons."""

import time
from datetime import UTC, datetime

from stratoscope.demo.openstack.http_request import HttpError, Json, Request
from stratoscope.demo.world.models import Daemon


def shown(one: object, *names: str, **attributes: str) -> Json:
    """Attributes of an object: those of these names, and others by the names that they have in the answer."""
    chosen = {**dict(zip(names, names, strict=True)), **attributes}
    return {name: getattr(one, attribute) for name, attribute in chosen.items()}


def moment(unix: float) -> str:
    """`2026-11-21T23:59:39Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(unix))


def micro(unix: float) -> str:
    """`2026-11-21T23:59:39.000000`: from a database that keeps seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime(unix))


def spaced(unix: float) -> str:
    """`2026-11-21 23:59:39`: Neutron's agents."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(unix))


def changes_since(request: Request) -> float | None:
    """The parameter of a query, in Unix seconds; None without it. Raises HttpError where it is no moment."""
    text = request.query.get("changes-since")
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise HttpError(400, f"Invalid input for query parameters changes-since. Value: {text}.") from error
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def service(request: Request, daemon: Daemon) -> Json:
    """As Nova and Cinder show it."""
    return {
        **shown(daemon, "binary", "host", "zone", "disabled_reason"),
        "updated_at": micro(daemon.heartbeat(request.now)),
        "status": "enabled" if daemon.is_enabled else "disabled",
        "state": "up" if daemon.is_up(request.now) else "down",
    }


def ipv4(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def mac_address(own: int) -> str:
    return f"fa:16:3e:{own >> 16:02x}:{own >> 8 & 255:02x}:{own & 255:02x}"
