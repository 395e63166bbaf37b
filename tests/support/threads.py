"""Threads of a process in a copied host: their states, and how often the kernel switched to them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from stratoscope.hypervisor.kernel.paths import Paths

STAT = " 1 4100 4100 0 -1 4194368 0 0 0 0 1 1 0 0 20 0 5 0 123 0 65536 18446744073709551615\n"
STATUS = """Name:	worker
State:	{state} (told)
voluntary_ctxt_switches:	{voluntary}
nonvoluntary_ctxt_switches:	{other}
"""


def set_threads(paths: Paths, pid: int, states: Mapping[int, tuple[str, int]]) -> None:
    """Make these all the threads that the process has: state and switches by thread id."""
    directory = Path(paths.procfs, str(pid), "task")
    for thread in directory.iterdir():
        if int(thread.name) not in states:
            shutil.rmtree(thread)
    for thread_id, (state, switches) in states.items():
        thread = directory / str(thread_id)
        thread.mkdir(exist_ok=True)
        (thread / "stat").write_text(f"{thread_id} (a (worker) {state}) {state}{STAT}")
        text = STATUS.format(state=state, voluntary=switches - 1, other=1)
        (thread / "status").write_text(text)
