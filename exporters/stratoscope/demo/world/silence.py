"""Daemons that fall silent."""

from collections.abc import Callable
from typing import Final

from stratoscope.demo.world.world import World

_MOST_NAMED: Final = 10


def silence(world: World, service: str, host: str, seconds: float | None) -> Callable[[], None]:
    """Stop the reports of a service's daemons on a host; the returned function lets them report again.

    Args:
        service: Its type. host: As the service spells it.
        seconds: After how long they are down; None for as long as the service usually waits.

    Raises:
        LookupError: There is no such daemon; the message lists the hosts that have one.
    """
    of_service = [daemon for daemon in world.daemons if daemon.service == service]
    daemons = [daemon for daemon in of_service if daemon.host == host]
    if not daemons:
        known = sorted({daemon.host for daemon in of_service})
        raise LookupError(", ".join(known[:_MOST_NAMED]) + (", ..." if len(known) > _MOST_NAMED else ""))
    before = [(daemon, daemon.silent_since, daemon.patience_s) for daemon in daemons]
    for daemon in daemons:
        daemon.silent_since = world.now if daemon.silent_since is None else daemon.silent_since
        daemon.patience_s = daemon.patience_s if seconds is None else seconds

    def undo() -> None:
        for daemon, since, patience_s in before:
            daemon.silent_since, daemon.patience_s = since, patience_s

    return undo
