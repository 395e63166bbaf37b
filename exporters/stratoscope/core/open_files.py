"""How many files the process may have open (`ulimit -n`), and how many connections that is enough for."""

import logging
import resource
from typing import Final

log = logging.getLogger(__name__)

OTHERS: Final = 512
"""Files that the process may want to have open beside its connections: to clouds, of /proc."""


def with_files_for(most: int) -> int:
    """So many connections, or as many as the system's bound on open files has room for."""
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
