"""What a newcomer does: README's commands as README has them, and the locked requirements by hand."""

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from bare import inside
from bare.inside import Done
from bare.machines import REPOSITORY, Machine

ADDRESS = "<address of this repository>"
BUNDLE = "/given/repository"
OF_A_HOST = ("apt-get install", "python3 -m venv", "/opt/", "install ", "build/wheels-venv/")
"""The commands of docs/hosts.md that need no systemd and no network filter begin so."""
MISSING = re.compile(r"run '(apt-get install [^']+)' as root")
QUIET_S = 30
"""How long a command may say nothing without a remark: somebody may take it for hung."""
QUESTIONS = ("How full is it?", "Who uses most?", "Do the exporters themselves work?")
"""Those of the demo that have an answer at once."""


def succeeds(done: Done) -> str:
    return f"status {done.status}: {last_line(done)}" if done.status else ""


@dataclass(frozen=True, slots=True)
class Typed:
    """What is typed.

    Attributes:
        user: Who types it, if not the machine's user.
        interrupt_at: Once this text was said, Ctrl-C is typed.
        judge: Why it was not good; empty where it was.
        needed: Whether nothing else is tried without it.
    """

    name: str
    line: str
    user: str = ""
    interrupt_at: str = ""
    judge: Callable[[Done], str] = succeeds
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """How something typed went; `why` is empty where it was good."""

    typed: Typed
    seconds: float
    why: str
    remark: str


def run(machine: Machine, logs: Path) -> Iterator[Step]:
    """One machine's newcomer, up to the first needed step that is not good."""
    told: list[str] = []
    for number, typed in enumerate(_typed(machine, told), start=1):
        log = logs / f"{number:02} {typed.name[:40].replace('/', '_')}.log"
        done = inside.run(machine, typed.line, log, user=typed.user, interrupt_at=typed.interrupt_at)
        told[:] = MISSING.findall(done.output)
        why = typed.judge(done)
        yield Step(typed, done.seconds, why, _remark(done))
        if why and typed.needed:
            return


def _typed(machine: Machine, told: list[str]) -> Iterator[Typed]:
    """All that is typed.

    Args:
        machine: Where.
        told: What the step before said that root is to type.
    """
    demo = f"cd stratoscope && {readme('make demo')}"
    clone = readme("git clone ").replace(ADDRESS, BUNDLE)
    yield Typed("git and make", readme("apt-get update"), user="root", needed=True)
    yield Typed("git clone", clone, needed=True)
    if machine.user == "root":
        yield from _installed()  # first, since `make demo` brings more packages than README names here
        yield from _on_a_host()
    if machine.user != "root":
        yield Typed("make demo, packages missing", demo, judge=_names_what_is_missing, needed=True)
        yield Typed(told[0], f"{told[0]} -y", user="root", needed=True)
    yield Typed("make demo, Ctrl-C", demo, interrupt_at="Ctrl-C ends it", judge=_answers)
    yield Typed("make demo, judged", demo.replace("make demo", "DEMO_SECONDS=5 make demo"))
    yield Typed("make test", f"cd stratoscope && {readme('make test')}")
    if machine.user != "root":
        yield from _installed()
    for pip in machine.pips:
        yield from _requirements(pip)


def _installed() -> Iterator[Typed]:
    """Each exporter by pip, with the packages that README says it needs; then it is run."""
    lean = dict.fromkeys(("management", "vmprobe", "downtime"), "python3-venv")
    packages = {**lean, "hypervisor": "python3-dev"}
    for exporter, package in packages.items():
        yield Typed(f"packages for {exporter}", readme(f"apt-get install -y {package}"), user="root")
        venv, install = readme("python3 -m venv"), readme(f"pip install '.[{exporter}]'")
        run = " && ".join(f"stratoscope {one} --help" for one in ("", *packages))
        line = f"cd stratoscope && {venv} && {install} && {run} && stratoscope {exporter} --version"
        yield Typed(f"pip install, {exporter}", line)


def _on_a_host() -> Iterator[Typed]:
    """What docs/hosts.md says to type as root, as far as no systemd is needed; its wheels, too."""
    typed = [line for line in lines("docs/hosts.md") if line.startswith(OF_A_HOST)]
    (check,) = [line for line in typed if line.endswith("--config.check")]
    block = (REPOSITORY / "docs/hosts.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    written = f"printf %s {shlex.quote(block)} > /etc/stratoscope/stratoscope.yml && {check}"
    for line in typed:
        yield Typed(f"host: {line}", f"cd stratoscope && {written if line == check else line}")
    installed = "-m pip install --no-index --find-links=build/wheels 'stratoscope[hypervisor]'"
    yield Typed("host: wheels", f"cd stratoscope && python3 -m venv apart && apart/bin/python {installed}")


def _requirements(version: str) -> Iterator[Typed]:
    """Each file of requirements/, in an environment that has nothing but pip."""
    name = f"pip {version or 'newest'}"
    wanted = f"pip=={version}" if version else "--upgrade pip"
    yield Typed(name, f"rm -rf pip && python3 -m venv pip && pip/bin/python -m pip install {wanted}")
    for file in sorted((REPOSITORY / "requirements").glob("*.txt")):
        install = f"-m pip install --require-hashes -r stratoscope/requirements/{file.name}"
        line = f"rm -rf env && cp -a pip env && env/bin/python {install} && env/bin/python -m pip check"
        yield Typed(f"{name}: {file.name}", line)


def readme(beginning: str) -> str:
    """The command of README that begins so. Raises LookupError where there is none."""
    for line in lines("README.md"):
        if line.startswith(beginning):
            return line
    raise LookupError(f"README.md has no command that begins with {beginning!r}")


def lines(page: str) -> Iterator[str]:
    """What a page shows as typed, without remarks."""
    for line in (REPOSITORY / page).read_text().splitlines():
        if line.startswith("    "):
            yield line.partition(" # ")[0].strip()


def last_line(done: Done) -> str:
    lines = [line for line in done.output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _names_what_is_missing(done: Done) -> str:
    """An ordinary user is told once, and root installs just that."""
    told = MISSING.findall(done.output)
    return "" if len(told) == 1 else f"root is told {len(told)} commands; expected one: {last_line(done)}"


def _answers(done: Done) -> str:
    """Every question is printed with its answer."""
    lines = done.output.splitlines()
    for question in QUESTIONS:
        after = [answer for line, answer in pairwise(lines) if line.startswith(question)]
        if not after or after[0].strip() in ("", "none"):
            return f"no answer to {question!r}: {last_line(done)}"
    return ""


def _remark(done: Done) -> str:
    """pytest's own count, and how long it said nothing."""
    counts = re.findall(r"=+ (.*\d+ passed.*?) =+", done.output)[-1:]
    silence = [f"silent for {done.longest_silence_s:.0f} s"] if done.longest_silence_s > QUIET_S else []
    return ", ".join([*counts, *silence])
