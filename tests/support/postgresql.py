"""A PostgreSQL of Debian's package, in a folder of its own, on a Unix socket alone, as an ordinary user."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_FAST = "-c fsync=off -c listen_addresses=''"
PASSWORD = "geheim/1"  # noqa: S105 -- of a server that lives as long as the tests


class Server:
    """It runs.

    Attributes:
        folder: Of its socket.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self.folder, self._count = programs, folder, 0

    def url(self, database: str) -> str:
        return f"postgresql://stratoscope@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """Its URL, without the password."""
        self._count += 1
        name = f"d{self._count}"
        self.run("createdb", "-h", str(self.folder), "-U", "stratoscope", name)
        return self.url(name)

    def run(self, program: str, *arguments: str) -> None:
        run([str(self._programs / program), *arguments])

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-m", "immediate", "-w", "-D", str(self.folder / "data"))

    def start(self) -> None:
        log = str(self.folder / "log")
        options = f"{_FAST} -k {self.folder}"
        self.run("pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-l", log, "-o", options)


def run(command: Sequence[str]) -> None:
    """As an ordinary user: PostgreSQL refuses root."""
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    environment = os.environ | {"PGPASSWORD": PASSWORD}
    subprocess.run(
        command, check=True, cwd="/", env=environment, timeout=60, stdout=subprocess.DEVNULL, **user
    )  # type: ignore[call-overload]  # the keywords of a user depend on who runs it


@contextmanager
def postgresql() -> Iterator[Server]:
    """A server that is removed at the end. Its user stratoscope, a superuser, has PASSWORD."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert found, "Debian's package postgresql is missing: run scripts/apt-install postgresql"
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    server = Server(found[-1].parent, folder)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    try:
        server.run(
            "initdb", "-D", str(folder / "data"), "-U", "stratoscope", "--no-sync",
            "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)
