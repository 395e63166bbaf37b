"""Go programs that scripts/get-go builds once."""

import subprocess
from pathlib import Path

from support.debian import ROOT


def go_program(name: str) -> Path:
    """The path of a program that scripts/get-go knows."""
    done = subprocess.run([ROOT / "scripts/get-go", name], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())
