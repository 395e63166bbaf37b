"""What a newcomer does: README's commands as README has them, and the locked requirements by hand."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bare import inside
from bare.inside import Done
from bare.machines import REPOSITORY, Machine

ADDRESS = "<address of this repository>"
BUNDLE = "/given/repository"
MISSING = re.compile(r"run '(apt-get install [^']+)' as root")
QUIET_S = 60
"""How long a command may say nothing: longer, and somebody takes it for hung."""
TABLES = ("How full is it?", "Who uses most?", "Is the exporter itself well?")
"""Questions of the demo that have an answer at once."""


@dataclass(frozen=True, slots=True)
class Step:
    """How one step went; `why` is empty where it is good."""

    machine: str
    name: str
    seconds: float
    why: str
    remark: str = ""


class Round:
    """One machine's newcomer: each step is typed once the one before was good."""

    def __init__(self, machine: Machine, logs: Path) -> None:
        self._machine, self._logs, self._number = machine, logs, 0

    def steps(self) -> Iterator[Step]:
        yield self._step("apt-get update", "apt-get update", user="root")
        yield self._step("git and make", readme("apt-get "), user="root")
        yield self._step("git clone", readme("git clone ").replace(ADDRESS, BUNDLE))
        if self._machine.user != "root":
            yield from self._what_is_missing()
        demo = f"cd stratoscope && {readme('make demo')}"
        yield self._step("make demo, Ctrl-C", demo, judge=_answers, interrupt_at="Ctrl-C ends it")
        yield self._step("make demo, judged", f"cd stratoscope && DEMO_SECONDS=5 {readme('make demo')}")
        yield self._step("make test", f"cd stratoscope && {readme('make test')}", judge=_passed)
        for pip in self._machine.pips:
            yield from self._requirements(pip)

    def _what_is_missing(self) -> Iterator[Step]:
        """An ordinary user is told once, root installs just that."""
        told: list[str] = []

        def names_it(done: Done) -> tuple[str, str]:
            told.extend(MISSING.findall(done.output))
            return ("" if len(told) == 1 else "it does not say in one line what root is to install"), ""

        yield self._step("what is missing", f"cd stratoscope && {readme('make demo')}", judge=names_it, fails=True)
        yield self._step(told[0] if told else "nothing told", f"{told[0]} -y", user="root")

    def _requirements(self, pip: str) -> Iterator[Step]:
        wanted = f"pip=={pip}" if pip else "--upgrade pip"
        name = f"pip {pip or 'newest'}"
        line = f"rm -rf pip && python3 -m venv pip && pip/bin/python -m pip install {wanted}"
        yield self._step(name, line, judge=lambda done: ("", done.output.split()[-1]))
        for file in sorted((REPOSITORY / "requirements").glob("*.txt")):
            install = f"env/bin/python -m pip install --require-hashes -r stratoscope/requirements/{file.name}"
            line = f"rm -rf env && cp -a pip env && {install} && env/bin/python -m pip check"
            yield self._step(f"{name}: {file.name}", line)

    def _step(
        self,
        name: str,
        line: str,
        *,
        user: str = "",
        judge: Callable[[Done], tuple[str, str]] = lambda _: ("", ""),
        fails: bool = False,
        interrupt_at: str = "",
    ) -> Step:
        self._number += 1
        log = self._logs / f"{self._number:02} {name[:40]}.log"
        done = inside.run(self._machine, line, log, user=user, interrupt_at=interrupt_at)
        why, remark = judge(done)
        if not interrupt_at and fails != (done.status != 0):
            why = f"status {done.status}: {last_line(done)}"
        if not why and done.longest_silence_s > QUIET_S and user != "root" and "make" in line:
            why = f"not a word for {done.longest_silence_s:.0f} s"
        return Step(self._machine.name, name, done.seconds, why, remark)


def readme(beginning: str) -> str:
    """The command of README's first steps that begins so. Raises LookupError where there is none."""
    for line in (REPOSITORY / "README.md").read_text().splitlines():
        if line.startswith(f"    {beginning}"):
            return line.partition(" # ")[0].strip()
    raise LookupError(f"README.md has no command that begins with {beginning!r}")


def last_line(done: Done) -> str:
    lines = [line for line in done.output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _answers(done: Done) -> tuple[str, str]:
    """Every question is printed with its answer."""
    lines = done.output.splitlines()
    for question in TABLES:
        after = [answer for line, answer in zip(lines, lines[1:], strict=False) if line.startswith(question)]
        if not after or " found: " not in after[0]:
            return f"{question} {after or 'is not asked'}", ""
    return "", ""


def _passed(done: Done) -> tuple[str, str]:
    """The remark is pytest's own count."""
    counts = re.findall(r"=+ (.*\d+ passed.*?) =+", done.output)
    return "", counts[-1] if counts else ""
