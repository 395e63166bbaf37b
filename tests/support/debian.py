"""Programs of a Debian suite, as scripts/get-debian unpacks them."""

import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def unpacked(what: str, suite: str) -> Path:
    """The folder of `prometheus` or `alertmanager` of a suite; downloaded if it is not there yet."""
    done = subprocess.run(
        [ROOT / "scripts/get-debian", what, suite], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())
