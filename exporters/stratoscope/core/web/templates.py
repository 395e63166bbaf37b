"""Pages as HTML, made by jinja2 from the templates of core and of one exporter; and the files that they load.

Every value is escaped when it is put into a page; a missing value is an error. A template holds no script, no
style and no address of another site: the browser would refuse it, see HEADERS in core/web/connections.py.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Final

import jinja2

_FILES: Final = {"style.css": "text/css", "icon.svg": "image/svg+xml"}
"""In the folder `static`: name -> type."""
_PACKAGE: Final = "stratoscope.core.web"
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page shows around its content.

    Attributes:
        title: The heading, and the browser's title.
        version: The package's.
        summary: One sentence on what the exporter does.
        links: The other pages: path -> text of the link.
        warnings: Warnings for the operator.
    """

    title: str
    version: str
    summary: str
    links: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file that pages load."""

    content_type: str
    content: bytes


class Templates:
    """The templates of core and, where a package is named, those in its folder `templates`.

    A page of an exporter extends `base.html` and fills its block `main`; `parts.html` has the macros for
    tables and states. A template of core comes before one of the exporter with the same name.

    Attributes:
        files: The files that pages load, by path.
    """

    def __init__(self, package: str = "") -> None:
        packages = [_PACKAGE, package] if package else [_PACKAGE]
        folder = resources.files(_PACKAGE) / "static"
        self.files: Mapping[str, File] = {
            _path(name): File(kind, (folder / name).read_bytes()) for name, kind in _FILES.items()
        }
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader([jinja2.PackageLoader(one) for one in packages]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters |= {"duration": duration, "utc": utc}
        self._environment.globals["address"] = self._address
        for name in self._environment.list_templates(extensions=["html"]):
            self._environment.get_template(name)  # compiled before anybody waits: that takes up to 0.2 s

    def render(self, name: str, /, *, frame: Frame, **values: object) -> str:
        """The page of that template.

        Raises:
            jinja2.TemplateError: There is no such template, or it uses a value that was not given.
        """
        return self._environment.get_template(name).render(frame=frame, **values)

    def _address(self, name: str) -> str:
        """The address of a file. It changes with the content, since browsers cache the file."""
        path = _path(name)
        return f"{path}?v={hashlib.sha256(self.files[path].content).hexdigest()[:12]}"


def _path(name: str) -> str:
    return f"/static/{name}"


def duration(seconds: float) -> str:
    """A time span in the unit that fits: `42 ms`, `90 s`, `10 min`, `3 h`, `4 d`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.3g} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.0f} h" if seconds < 2 * _DAY_S else f"{seconds / _DAY_S:.0f} d"


def utc(moment: float) -> str:
    """A Unix time as `2026-11-28 15:32:10 UTC`."""
    return f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
