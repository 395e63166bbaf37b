"""A dashboard drawn in a browser by Grafana's own components, as grafana/check bundles them.

What was drawn is read from the page: which panels are empty, what is cut off, what the page complained of.
"""

import hashlib
import json
import math
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from support.debian import ROOT
from support.grafana_boards import Board, parsed
from support.grafana_queries import Asked, legend
from support.grafana_values import Choices, Window

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

CHECK: Final = ROOT / "grafana" / "check"
_PAGES: Final = ROOT / "build" / "dashboards-page"
WIDTH_PX: Final = 1_920
_HEIGHT_PX: Final = 1_080
_TIMEOUT_MS: Final = 20_000
_ORIGIN: Final = "http://dashboards.localhost"
_ICONS_PATH: Final = "public/build/img/icons/"
_ICONS: Final = CHECK / "node_modules/@grafana/ui/dist/public/img/icons"
_FONTS_PATH: Final = "public/fonts/inter/"
_FONTS: Final = CHECK / "node_modules/@fontsource/inter/files"
_WEIGHTS: Final = {"Inter-Regular.woff2": 400, "Inter-Medium.woff2": 500}
# Rows of tables are laid out even where they are out of the window.
_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Dashboards</title>
<style>{style} body {{margin: 0}} * {{content-visibility: visible !important}}</style></head>
<body><div id="root"></div><script>{script}</script></body></html>"""
_IS_DRAWN: Final = """() => [...document.querySelectorAll('section[data-panel]')]
  .every(section => section.innerText.trim() && (!section.querySelector('[role=grid]')
    || section.querySelector('[role=gridcell]')))"""
_LOOK: Final = """() => [...document.querySelectorAll('section[data-panel]')].map(section => {
  const body = section.querySelector('[data-body]'), box = body.getBoundingClientRect();
  const all = [...body.querySelectorAll('*')];
  const scrolls = one => ['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(one).overflowY);
  const isFree = one => {
    for (let up = one.parentElement; up !== body; up = up.parentElement) if (scrolls(up)) return false;
    return true;
  };
  const isBeside = one => {
    const {left, right} = one.getBoundingClientRect();
    return left < box.left - 2 || right > box.right + 2;
  };
  const isBeyond = one => {
    const {top, bottom, width} = one.getBoundingClientRect();
    const outside = isBeside(one) || top < box.top - 2 || bottom > box.bottom + 2;
    return width > 0 && outside && isFree(one);
  };
  const isSeen = one => {
    const {top, bottom} = one.getBoundingClientRect();
    for (let up = one.parentElement; up !== body; up = up.parentElement) {
      const edge = up.getBoundingClientRect();
      if (scrolls(up) && (top < edge.top - 3 || bottom > edge.bottom + 3)) return false;
    }
    return true;
  };
  const isText = node => node.nodeType === Node.TEXT_NODE && node.data.trim();
  const speaks = one => [...one.childNodes].some(isText);
  return {
    title: section.dataset.panel,
    kind: section.dataset.kind,
    empty: section.dataset.empty === 'true',
    text: body.innerText,
    painted: [...body.querySelectorAll('canvas')].some(canvas => {
      if (!canvas.width || !canvas.height) return false;
      const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      return data.some(part => part !== 0);
    }),
    beyond: all.filter(isBeyond).map(one => one.textContent || one.tagName),
    hidden: all.filter(one => speaks(one) && one.closest('li') && !isSeen(one)).map(one => one.textContent),
    columns: all.filter(one => one.matches('[role=columnheader]') && isBeside(one))
      .map(one => one.textContent),
    cut: all.filter(one => speaks(one) && scrolls(one) && one.scrollWidth > one.clientWidth + 1)
      .map(one => one.textContent),
  };
})"""


@dataclass(frozen=True)
class DrawnPanel:
    """A panel as the browser shows it.

    Attributes:
        empty: Whether it shows no data.
        text: All that can be read in it.
        painted: Whether a canvas has a point that is not transparent.
        beyond: What reaches beyond it.
        hidden: Names of the legend for which one has to scroll.
        columns: Headings of a table of which not all can be seen.
        cut: Texts of which not all can be seen.
    """

    title: str
    kind: str
    empty: bool
    text: str
    painted: bool
    beyond: tuple[str, ...]
    hidden: tuple[str, ...]
    columns: tuple[str, ...]
    cut: tuple[str, ...]


def bundle() -> Path:
    """The page that draws, made anew where what it is made of has changed. Raises CalledProcessError."""
    page = _PAGES / f"{_digest()}.html"
    if not page.exists():
        _PAGES.mkdir(parents=True, exist_ok=True)
        for old in _PAGES.glob("*.html"):
            old.unlink(missing_ok=True)
        with TemporaryDirectory(dir=_PAGES) as folder:
            _bundled(Path(folder)).replace(page)
    return page


def _digest() -> str:
    """Of all that the page is made of: the lock has the digests of its packages."""
    made_of = sorted([*CHECK.glob("*.*"), *(CHECK / "page").iterdir()])
    texts = [_PAGE, *(f"{file.name}\n{file.read_text()}" for file in made_of)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _bundled(folder: Path) -> Path:
    node = shutil.which("node")
    assert node is not None, "node is not installed; `make dashboards-check` installs it"
    subprocess.run([node, CHECK / "bundle.mjs", folder], check=True)
    page = folder / "page.html"
    style, script = (folder / f"page.{kind}" for kind in ("css", "js"))
    # A text of the script must not end the element.
    scripted = script.read_text().replace("</script", "<\\/script")
    page.write_text(_PAGE.format(style=style.read_text(), script=scripted))
    return page


def given(
    board: Mapping[str, Any], choices: Choices, window: Window, answers: Iterable[Asked]
) -> dict[str, Any]:
    """What the page draws: the dashboard, the answers to its queries, and what is chosen."""
    of_panels: dict[int, list[dict[str, Any]]] = {}
    for one in answers:
        series = [
            {
                "legend": legend(one.target, found),
                "labels": dict(found.labels),
                "points": [[at, value if math.isfinite(value) else None] for at, value in found.points],
            }
            for found in one.answer.series
        ]
        table, step_s = one.target.table, one.answer.step_s
        answer = {"ref": one.target.ref, "table": table, "step": step_s, "series": series}
        of_panels.setdefault(one.panel.number, []).append(answer)
    labels = {one["name"]: one.get("label") or one["name"] for one in board["templating"]["list"]}
    texts = {name: ", ".join(choice.texts()) for name, choice in choices.items()}
    return {
        "board": board,
        "answers": of_panels,
        "shown": {labels[name]: text for name, text in texts.items()},
        "values": texts,
        "from": window.start * 1_000,
        "to": window.end * 1_000,
    }


class Drawing:
    """A page of the browser with a dashboard. Attributes: complaints: Errors and warnings of the page."""

    def __init__(self, page: "Page", width_px: int) -> None:
        self._page, self._width_px = page, width_px
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda one: self.complaints.append(one.url))
        page.on("console", lambda one: self._hear(one.type, one.text))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def draw(self, what: Mapping[str, Any], mode: str) -> list[DrawnPanel]:
        """Draw it, light or dark, in place of what was there, and look at each panel."""
        self.complaints.clear()
        self._page.set_viewport_size({"width": self._width_px, "height": _HEIGHT_PX})
        # By its text: the browser's own serialisation of arguments is slow.
        self._page.evaluate("([text, mode]) => draw(JSON.parse(text), mode)", [json.dumps(what), mode])
        # The window becomes as high as the page: the picture shows all of it.
        height = self._page.evaluate("document.documentElement.scrollHeight")
        self._page.set_viewport_size({"width": self._width_px, "height": height})
        self._page.wait_for_function(_IS_DRAWN, timeout=_TIMEOUT_MS)
        lists = ("beyond", "hidden", "columns", "cut")
        seen: list[dict[str, Any]] = self._page.evaluate(_LOOK)
        return [DrawnPanel(**{**one, **{key: tuple(one[key]) for key in lists}}) for one in seen]

    def picture(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._page.screenshot(path=file, full_page=True)


@contextmanager
def drawing(browser: "Browser", page: Path, width_px: int = WIDTH_PX) -> Iterator[Drawing]:
    """An empty page that can draw. Nothing is asked of a network: page and icons come from files."""
    opened = browser.new_page(viewport={"width": width_px, "height": _HEIGHT_PX})
    opened.route(f"{_ORIGIN}/", lambda route: route.fulfill(path=page))
    opened.route(f"{_ORIGIN}/{_ICONS_PATH}**", _icon)
    opened.route(f"{_ORIGIN}/{_FONTS_PATH}**", _font)
    try:
        made = Drawing(opened, width_px)
        opened.goto(f"{_ORIGIN}/")
        yield made
    finally:
        opened.close()


def _icon(route: "Route") -> None:
    name = route.request.url.removeprefix(f"{_ORIGIN}/{_ICONS_PATH}")
    route.fulfill(path=_ICONS / name, content_type="image/svg+xml")


def _font(route: "Route") -> None:
    weight = _WEIGHTS[route.request.url.removeprefix(f"{_ORIGIN}/{_FONTS_PATH}")]
    route.fulfill(path=_FONTS / f"inter-latin-{weight}-normal.woff2", content_type="font/woff2")


def complaints(board: Board, panels: Iterable[DrawnPanel]) -> list[str]:
    """What is wrong with the drawn panels of a board."""
    may_be_empty = {panel.title for panel in board.panels if panel.may_be_empty}
    found = []
    for one in panels:
        if one.empty:
            found += [] if one.title in may_be_empty else [f"{one.title}: no data, and it is not marked"]
            continue
        if not (one.painted if one.kind == "timeseries" else one.text.strip()):
            found.append(f"{one.title}: has data, and draws nothing")
        found += [f"{one.title}: reaches beyond the panel: {text[:60]}" for text in one.beyond]
        if "No data" in one.text:
            found.append(f"{one.title}: says 'No data'")
    return found


def remarks(panels: Iterable[DrawnPanel]) -> list[str]:
    """What a reader has to scroll for, or cannot read to its end: that depends on the data."""
    return [
        f"{one.title}: {len(texts)} {what}, such as {texts[0]!r}"
        for one in panels
        for what, texts in (
            ("names of the legend are out of sight", one.hidden),
            ("columns are out of sight", one.columns),
            ("texts are cut", one.cut),
        )
        if texts
    ]


def board_and_json(file: Path) -> tuple[Board, dict[str, Any]]:
    """A dashboard, read and as it stands."""
    raw = json.loads(file.read_text())
    return parsed(raw), raw
