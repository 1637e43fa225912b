"""A browser's page with everything that it asked for and complained about, and what axe-core says of it."""

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

LOAD_MS = 30_000
SERIOUS = ("serious", "critical")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
CHART = ".vega-embed .marks"

# Where a point of a chart is: where its picture is most colourful, in the middle of that.
FIND_A_MARK = """(marks) => {
  const box = marks.getBoundingClientRect();
  const context = marks.getContext('2d'), scale = marks.width / box.width;
  const image = context.getImageData(0, 0, marks.width, marks.height), size = 6;
  let best = {score: -1};
  for (let y = 60; y < marks.height - 60; y += 2) for (let x = 40; x < marks.width * .75; x += 2) {
    let score = 0;
    for (let dy = -size; dy <= size; dy += 3) for (let dx = -size; dx <= size; dx += 3) {
      const i = 4 * ((y + dy) * marks.width + x + dx), d = image.data;
      const high = Math.max(d[i], d[i + 1], d[i + 2]), low = Math.min(d[i], d[i + 1], d[i + 2]);
      score += (d[i + 3] > 200 ? high - low : 0) * (size + 1 - Math.max(Math.abs(dx), Math.abs(dy)));
    }
    if (score > best.score) best = {score, x: box.x + x / scale, y: box.y + y / scale};
  }
  return best;
}"""

FOCUSED = """() => {
  let e = document.activeElement;
  while (e.shadowRoot && e.shadowRoot.activeElement) e = e.shadowRoot.activeElement;
  const style = getComputedStyle(e);
  const ring = style.outlineStyle !== 'none' && style.outlineWidth !== '0px';
  const name = e.innerText || e.getAttribute('aria-label') || e.value || e.tagName;
  return {name: name.trim(), lit: ring || style.boxShadow !== 'none' || e === document.body};
}"""

WIDEST = """(window) => [document.documentElement, document.getElementById('App')]
  .every((e) => !e || e.scrollWidth <= window)"""


class Watched:
    """A new page of a viewer."""

    def __init__(self, viewer: "BrowserContext", size: dict[str, int] = DESK) -> None:
        self.page: Page = viewer.new_page()
        self.page.set_viewport_size(size)  # type: ignore[arg-type]
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.set_default_timeout(LOAD_MS)

    def chart(self) -> None:
        """Waits for the first chart."""
        self.page.locator(CHART).first.wait_for()

    def heading(self, words: str) -> None:
        """Waits for a heading of the first level with these words."""
        self.page.get_by_role("heading", level=1).filter(has_text=words).first.wait_for()

    def resize(self, size: dict[str, int]) -> None:
        """Waits until all fits again."""
        self.page.set_viewport_size(size)  # type: ignore[arg-type]
        self.page.wait_for_function(WIDEST, arg=size["width"])

    def picture(self, low: float, high: float) -> None:
        """Waits until the first chart lies in the window and is as wide as this: it follows its page."""
        limit, box = time.monotonic() + LOAD_MS / 1e3, None
        while box is None or not (box["x"] >= 0 and low <= box["width"] and box["x"] + box["width"] <= high):
            assert time.monotonic() < limit, f"the chart lies at {box}"
            self.page.wait_for_timeout(50)
            box = self.page.locator(CHART).first.bounding_box()

    def violations(self) -> list[str]:
        """What axe-core calls serious, but for the boxes inside marimo's own tables."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        left = [
            (v, [n for n in v["nodes"] if v["id"] != "scrollable-region-focusable" or not _is_of_marimo(n)])
            for v in found
            if v["impact"] in SERIOUS
        ]
        return [f"{v['id']}: {v['help']} {[n['html'][:160] for n in nodes[:3]]}" for v, nodes in left if nodes]

    def is_clean(self) -> bool:
        """No request left the machine, nothing was tried, nothing was complained of."""
        foreign = [url for url in self.requests if urlsplit(url).hostname not in ("127.0.0.1", None)]
        assert not foreign, f"the page asked elsewhere: {foreign}"
        assert not self.errors, f"the page complained: {self.errors}"
        return True

    def close(self) -> None:
        """Asserts that the page was clean."""
        assert self.is_clean()
        self.page.close()


def _is_of_marimo(node: dict[str, Any]) -> bool:
    """Whether a node stands inside the shadow of one of marimo's elements."""
    first = node["target"][0]
    return isinstance(first, list) and "marimo-" in first[0]
