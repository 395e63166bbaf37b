"""A page in the browser: what it loads and complains of, what can be read and reached on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', event => violations.push(event.violatedDirective));
"""
# Texts whose contrast with what is behind them is less than WCAG 2.1 AA asks for.
HARD_TO_READ = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([red, green, blue]) => {
    const linear = [red, green, blue].map(part => {
      part /= 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = parts(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility()) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const [dark, light] = [luminance(parts(style.color)), luminance(behind(element))].sort((a, b) => a - b);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return found;
}"""
# What has the focus: its text or name, and whether that can be seen.
FOCUSED = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  return {
    name: element.getAttribute('aria-label') || element.textContent.trim(),
    tag: element.tagName,
    outlined: getComputedStyle(element).outlineStyle !== 'none',
  };
}"""


@dataclass(frozen=True)
class Opened:
    """A page and what happened while it was loaded.

    Attributes:
        requests: Addresses that it asked for.
        complaints: What the console says, and what could not be loaded.
    """

    page: "Page"
    requests: list[str]
    complaints: list[str]

    def violations(self) -> list[str]:
        """Directives of the policy that the page has come into conflict with."""
        found: list[str] = self.page.evaluate("window.violations")
        return found

    def is_wider_than_the_window(self) -> bool:
        found: bool = self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        return found

    def hard_to_read(self) -> list[str]:
        """Texts with too little contrast."""
        found: list[str] = self.page.evaluate(HARD_TO_READ)
        return found

    def reached_by_tab(self) -> list[dict[str, Any]]:
        """What has the focus one after the other, from the top of the page to its end."""
        found: list[dict[str, Any]] = []
        self.page.keyboard.press("Tab")
        while (focused := self.page.evaluate(FOCUSED)) is not None and len(found) < 500:
            found.append(focused)
            self.page.keyboard.press("Tab")
        return found


@contextmanager
def opened(
    browser: "Browser", url: str, *, width: int = 1280, scheme: str = "light", styled: bool = True
) -> Iterator[Opened]:
    """The page in a browser that knows nothing yet; `styled=False` keeps every style sheet away."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    context.add_init_script(VIOLATIONS)
    if not styled:
        context.route("**/*.css*", lambda route: route.fulfill(content_type="text/css", body=""))
    page = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: complaints.append(f"not loaded: {request.url}"))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    try:
        yield Opened(page, requests, complaints)
    finally:
        context.close()
