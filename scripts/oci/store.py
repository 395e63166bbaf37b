"""Images, made by buildah in a store of their own."""

import json
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bare import machines
from cloud.folder import remove
from cloud.packages import SUITE, mirror

from oci.folder import CONTEXT, FOLDER, LOGS, ImagesError

BASE: Final = "localhost/stratoscope-base"
_SLIM: Final = (
    *("path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright"),
    *(f"path-exclude=/usr/share/{what}/*" for what in ("info", "lintian", "locale", "man")),
)
"""What Debian's own slim images leave out, too."""
_FORGET: Final = 'cd "$1/etc" && : >resolv.conf && : >hostname && rm apt/apt.conf.d/99mmdebstrap'
"""What is this machine's own."""
_DOWNLOADS: Final = FOLDER / "pip"


@dataclass(frozen=True, slots=True)
class Commit:
    """What is built. Attributes: seconds: When it was made, which all files bear."""

    version: str
    revision: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a file. Attributes: digest: Of its manifest; compressed_bytes: Of its layers."""

    digest: str
    compressed_bytes: int


@dataclass(frozen=True, slots=True)
class Store:
    """Where buildah keeps what it makes. Each method raises ImagesError."""

    folder: Path

    def buildah(self, *arguments: str | Path) -> str:
        """What it prints; a log has the rest."""
        done = subprocess.run(self.command(*arguments), check=False, capture_output=True, text=True)
        with (LOGS / f"{self.folder.name}.log").open("a") as log:
            log.write(f"$ buildah {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
        if done.returncode:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
            raise ImagesError(f"buildah {arguments[0]} ended with status {done.returncode}:\n{last}")
        return done.stdout.strip()

    def command(self, *arguments: str | Path) -> list[str | Path]:
        return [
            "buildah",
            f"--root={self.folder / 'storage'}",
            f"--runroot={self.folder / 'run'}",
            *arguments,
        ]

    def make_base(self, commit: Commit) -> None:
        """A slim Debian, where no registry has one."""
        remove(self.folder)
        self.folder.mkdir(parents=True)
        debian, log = mirror().rstrip("/"), LOGS / f"{self.folder.name} base.log"
        suites = (f"{debian} {SUITE}", f"{debian} {SUITE}-updates", f"{debian}-security {SUITE}-security")
        sources = [f"deb {suite} main" for suite in suites]
        options = ["--mode=root", "--variant=minbase", f"--customize-hook={_FORGET}"]
        options += [f"--dpkgopt={option}" for option in _SLIM]
        archive = self.folder / "base.tar"
        try:
            machines.mmdebstrap(
                [*options, SUITE, archive, *sources], log, SOURCE_DATE_EPOCH=str(commit.seconds)
            )
        except subprocess.CalledProcessError as error:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
            raise ImagesError(f"mmdebstrap ended with status {error.returncode}:\n{last}") from error
        (self.folder / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        self.buildah("build", f"--timestamp={commit.seconds}", f"--tag={BASE}", self.folder)
        archive.unlink()

    def build(self, exporter: str, commit: Commit) -> None:
        """The image of an exporter."""
        remove(_DOWNLOADS / "wheels")  # what pip has built itself
        _DOWNLOADS.mkdir(exist_ok=True)
        variables = {"BASE": BASE, "VERSION": commit.version, "REVISION": commit.revision}
        self.buildah(
            *("build", "--isolation=chroot", "--layers", "--pull-never", f"--timestamp={commit.seconds}"),
            *(f"--build-arg={name}={value}" for name, value in variables.items()),
            *(f"--volume={ours}:{theirs}:ro" for ours, theirs in _network().items()),
            f"--volume={_DOWNLOADS}:/root/.cache/pip",
            *(f"--target={exporter}", f"--tag={name(exporter)}", CONTEXT),
        )

    def export(self, exporter: str, file: Path) -> Image:
        """The image as an OCI archive."""
        file.unlink(missing_ok=True)
        self.buildah("push", name(exporter), f"oci-archive:{file}:{name(exporter)}")
        with tarfile.open(file) as archive:
            (manifest,) = _json(archive, "index.json")["manifests"]
            layers = _json(archive, f"blobs/{manifest['digest'].replace(':', '/')}")["layers"]
        return Image(manifest["digest"], sum(layer["size"] for layer in layers))

    @contextmanager
    def container(self, exporter: str) -> Iterator[tuple[str, Path]]:
        """The name of a container of an image, and its root."""
        container = self.buildah("from", "--pull-never", name(exporter))
        try:
            yield container, Path(self.buildah("mount", container))
        finally:
            self.buildah("rm", container)

    def settings(self, exporter: str) -> Mapping[str, Any]:
        """What the image says of itself, as OCI's `config`."""
        found: Mapping[str, Any] = json.loads(self.buildah("inspect", "--type=image", name(exporter)))
        settings: Mapping[str, Any] = found["OCIv1"]["config"]
        return settings


def name(exporter: str) -> str:
    """Of the image, as the chart asks for it."""
    return f"stratoscope-{exporter}"


def _network() -> Mapping[str, str]:
    """Files of this machine by which a build reaches the network as we do; none is left in an image."""
    text, authorities = machines.pip_conf()
    pip, apt = FOLDER / "pip.conf", FOLDER / "apt.conf"
    pip.write_text(text)
    apt.write_text(machines.apt_settings())
    files = {str(pip): "/etc/pip.conf", str(apt): "/etc/apt/apt.conf.d/99network"}
    return files | {str(Path(authorities).resolve()): machines.AUTHORITIES} if authorities else files


def _json(archive: tarfile.TarFile, name: str) -> Any:
    file = archive.extractfile(name)
    assert file is not None  # noqa: S101 - it is no folder
    return json.load(file)
