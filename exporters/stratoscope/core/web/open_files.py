"""Raises the limit on open files (`ulimit -n`), and limits the connections to what it allows."""

import logging
import resource
from typing import Final

log = logging.getLogger(__name__)

OTHERS: Final = 512
"""Files that the process may open beside clients' connections: to clouds, of /proc."""


def with_files_for(most: int) -> int:
    """At most `most` connections, fewer if the system's limit on open files has no room for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + OTHERS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        log.info("more open files allowed from=%d to=%d", soft, wanted)
    if wanted >= most + OTHERS:
        return most
    fewer = max(1, min(most, wanted // 2))
    log.warning("open files are bounded, fewer connections files=%d connections=%d", wanted, fewer)
    return fewer
