"""The sample web configuration files, laid out with the certificates that they name."""

import json
import shutil
from pathlib import Path

from support import certificates

SAMPLES = Path(__file__).parents[1] / "fixtures" / "webconfig"


def names(folder: str) -> list[str]:
    """`accepted`: by promtool and here; `refused`: by both; `refused_here`: promtool takes it, we do not."""
    return sorted(path.stem for path in (SAMPLES / folder).glob("*.yml"))


def lay_out(folder: str, name: str, into: Path) -> Path:
    """Copy a sample beside fresh certificates; `@FILE@` in it becomes what the file holds."""
    certificates.write(into, certificates.Authority())
    text = (SAMPLES / folder / f"{name}.yml").read_text()
    for pem in ("server.crt", "server.key", "ca.crt"):
        text = text.replace(f'"@{pem}@"', json.dumps((into / pem).read_text()))
    path = into / "web.yml"
    path.write_text(text)
    return path


def promtool() -> str:
    """Where promtool is.

    Raises:
        FileNotFoundError: It is not on the PATH: what it should check would go unchecked.
    """
    found = shutil.which("promtool")
    if found is None:
        raise FileNotFoundError("promtool is not on the PATH; Debian's package prometheus has it")
    return found
