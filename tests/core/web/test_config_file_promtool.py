"""promtool agrees on which web configuration files are good. Needs promtool (Debian's package prometheus)."""

import re
import subprocess
from pathlib import Path

import pytest

from support import webconfigs

_NEWER = frozenset({"cert", "client_allowed_sans", "client_ca", "key", "rate_limit"})
"""Keys that promtool 2.42 does not know: it cannot judge a file that has one, and says just that."""


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        (folder, name)
        for folder in ("accepted", "refused", "refused_here")
        for name in webconfigs.names(folder)
    ],
)
def test_promtool_says_the_same_of_a_sample(folder: str, name: str, tmp_path: Path) -> None:
    path = webconfigs.lay_out(folder, name, tmp_path)
    command = [webconfigs.promtool(), "check", "web-config", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    unknown = set(re.findall(r"field (\w+) not found", said.stdout + said.stderr))
    if unknown and unknown <= _NEWER:
        assert said.returncode != 0
    else:
        assert (said.returncode == 0) is (folder != "refused"), said.stdout + said.stderr
