"""What OpenStack's own tool says: `openstack ... -f json` of the release that the cloud has."""

import json
import subprocess
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from cloud import inside

GONE_TIMEOUT_S, AGAIN_S = 180, 3


class Cli:
    """Runs `openstack` inside the cloud, in one process per cloud of clouds.yaml for many commands.

    Answers are what the tool prints as JSON: a list of rows by column title, or one mapping.
    """

    def __init__(self) -> None:
        self._shells: dict[str, _Shell] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for shell in self._shells.values():
            shell.close()

    def ask(self, *arguments: str, cloud: str = "admin") -> Any:
        """What a command that prints says."""
        return json.loads(self.do(*arguments, "-f", "json", cloud=cloud))

    def do(self, *arguments: str, cloud: str = "admin") -> str:
        """What a command says; fails with its words when it fails."""
        done = self._run(cloud, arguments)
        assert not done["status"], f"openstack {' '.join(arguments)}: {done['err']}"
        said: str = done["out"]
        return said

    def attempt(self, *arguments: str, cloud: str = "admin") -> bool:
        """Whether a command succeeds."""
        return not self._run(cloud, arguments)["status"]

    def _run(self, cloud: str, arguments: Sequence[str]) -> dict[str, Any]:
        if cloud not in self._shells:  # a process keeps its first log-in, whatever it is told later
            self._shells[cloud] = _Shell()
        return self._shells[cloud].run("--os-cloud", cloud, *arguments)


def remove(cli: Cli, *selection: str) -> None:
    """Delete the servers that `server list` selects so, of all projects, and wait until none is left.

    Nova under load may fail a deletion, which leaves the server in ERROR: it is requested again.
    """
    deadline = time.monotonic() + GONE_TIMEOUT_S
    while rows := cli.ask("server", "list", "--all-projects", *selection):
        assert time.monotonic() < deadline, f"servers do not go away: {rows}"
        for row in rows:
            cli.attempt("server", "delete", row["ID"])  # it may be gone already
        time.sleep(AGAIN_S)


class _Shell:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            inside.command("python3", "/code/openstack_shell.py"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, *arguments: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        done: dict[str, Any] = json.loads(self._process.stdout.readline())
        return done

    def close(self) -> None:
        with self._process as process:
            process.kill()
