"""The frame around every page, in plain HTML that stands before any kernel answers: the bar of pages, theme, link.

It is part of the document's head, as marimo offers: a script puts it first in the body, so that it is also the first in
the order of focus. What it links to keeps the job and the theme of the address.
"""

import json
from collections.abc import Mapping
from html import escape

PAGES: Mapping[str, tuple[str, str]] = {  # path -> (notebook beside this file, name in the bar)
    "/": ("overview.py", "Jobs"),
    "/isoflop/": ("isoflop.py", "Iso-FLOP"),
    "/best/": ("best.py", "Best"),
    "/equivalence/": ("equivalence.py", "Equivalence"),
    "/schedules/": ("schedules.py", "Schedules"),
    "/search/": ("search.py", "Search"),
    "/pareto/": ("pareto.py", "Pareto"),
    "/explore/": ("explore.py", "Explore"),
    "/trial/": ("trial.py", "Trial"),
}
KEPT = ("job", "theme")  # of an address, from page to page

# Without ?theme=, follow the reader's system: marimo reads the parameter, and so does the notebook for its charts.
SCRIPT = """<script>
(() => {
  const url = new URL(location.href);
  if (!url.searchParams.has("theme") && matchMedia("(prefers-color-scheme: dark)").matches) {
    url.searchParams.set("theme", "dark");
    history.replaceState(null, "", url);
  }
  const dark = url.searchParams.get("theme") === "dark";
  document.documentElement.lang = "en";
  document.documentElement.classList.toggle("sift-dark", dark);
  const bar = () => {
    document.body.insertAdjacentHTML("afterbegin", %(bar)s);
    const nav = document.getElementById("sift-bar");
    for (const link of nav.querySelectorAll("a[data-page]")) {
      if (link.dataset.page === location.pathname) link.setAttribute("aria-current", "page");
      const keep = () => {
        const to = new URL(link.dataset.page, location.origin), now = new URL(location.href);
        for (const name of %(kept)s) {
          if (now.searchParams.has(name)) to.searchParams.set(name, now.searchParams.get(name));
        }
        link.href = to.pathname + to.search;
      };
      keep();
      for (const event of ["pointerenter", "focus", "pointerdown"]) link.addEventListener(event, keep);
    }
    const current = nav.querySelector("[aria-current]"), list = nav.querySelector("ul");
    if (current) list.scrollLeft = current.offsetLeft - 40;
    fetch("/session").then((answer) => answer.json()).then(({ name }) => {
      if (!name) return;
      const out = document.createElement("form");
      out.method = "post";
      out.action = "/logout";
      out.innerHTML = '<button type="submit">Sign out</button>';
      out.firstChild.title = name;
      nav.append(out);
    }).catch(() => {});
    const theme = document.getElementById("sift-theme");
    theme.textContent = dark ? "Light" : "Dark";
    theme.addEventListener("click", () => {
      const to = new URL(location.href);
      to.searchParams.set("theme", dark ? "light" : "dark");
      location.assign(to);
    });
    const copy = document.getElementById("sift-copy");
    copy.addEventListener("click", async () => {
      const words = copy.innerHTML;
      if (copy.textContent === "Copied") return;
      try { await navigator.clipboard.writeText(location.href); copy.textContent = "Copied"; }
      catch { prompt("The address of this page", location.href); }
      setTimeout(() => { copy.innerHTML = words; }, 2000);
    });
  };
  if (document.body) bar(); else document.addEventListener("DOMContentLoaded", bar);
  // Name what marimo leaves unnamed, for those who hear the page. Its elements keep their own trees.
  const named = [
    ["marimo-refresh", "button", "Look again now"], ["marimo-refresh", "select", "How often this page looks again"],
    ["marimo-table", "input", "Search the table"], ["marimo-table", "select", "Page of the table"],
  ];
  const night = `button, select, a { background: #1e2321 !important; color: #e8eaed !important;
    border-color: #5c6570 !important; box-shadow: none !important }`; // marimo's own controls have no dark look here
  const seen = new WeakSet();
  let waits = false;
  const darken = () => {
    for (const { shadowRoot: tree } of document.querySelectorAll("marimo-refresh, marimo-download"))
      if (tree && !tree.getElementById("sift-night"))
        tree.appendChild(Object.assign(document.createElement("style"), { id: "sift-night", textContent: night }));
  };
  const tidy = () => {
    waits = false;
    if (dark) darken();
    document.getElementById("root")?.setAttribute("role", "main");
    for (const [host, inside, name] of named)
      for (const { shadowRoot: tree } of document.querySelectorAll(host)) {
        if (!tree) continue;
        if (!seen.has(tree)) { seen.add(tree); watch.observe(tree, { childList: true, subtree: true }); }
        for (const e of tree.querySelectorAll(inside))
          if (!e.innerText?.trim() && !e.labels?.length || inside === "select")
            if (!e.hasAttribute("aria-label")) e.setAttribute("aria-label", name);
      }
  };
  const watch = new MutationObserver(() => { if (!waits) { waits = true; setTimeout(tidy, 50); } });
  document.addEventListener("DOMContentLoaded", () => {
    tidy();
    watch.observe(document.body, { childList: true, subtree: true });
  });
})();
</script>"""

STYLE = """<style>
[data-testid="notebook-actions-dropdown"] { display: none } /* marimo's menu would lie over ours on a phone */
:root { --sift-ink: #1f2328; --sift-quiet: #5c6570; --sift-line: #e4e7ea; --sift-paper: #fff; --sift-fill: #0068a3 }
:root.sift-dark { --sift-ink: #e8eaed; --sift-quiet: #a3abb5; --sift-line: #2a2f2d; --sift-paper: #181c1a;
  --sift-fill: #6fc0ee; color-scheme: dark }
[class*="top-[25vh]"] { display: none } /* its outline of headings repeats the page */
html, body { height: 100% }
body { display: flex; flex-direction: column; background: var(--sift-paper) }
#root { flex: 1; min-height: 0; position: relative }
#sift-bar { display: flex; align-items: center; gap: .5rem; z-index: 30; padding: 0 1rem;
  background: var(--sift-paper); border-bottom: 1px solid var(--sift-line);
  font: 14px/1.2 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif }
#sift-bar ul { display: flex; flex: 1; gap: .1rem; margin: 0; padding: 0; list-style: none; overflow-x: auto;
  scrollbar-width: none; position: relative }
#sift-bar a, #sift-bar button { display: block; padding: .85rem .6rem .75rem; color: var(--sift-quiet);
  white-space: nowrap; text-decoration: none; border: 0; border-bottom: 2px solid transparent; background: none;
  font: inherit; cursor: pointer }
#sift-bar a:hover, #sift-bar button:hover { color: var(--sift-ink) }
#sift-bar a[aria-current] { color: var(--sift-ink); border-bottom-color: var(--sift-fill); font-weight: 600 }
#sift-bar a:focus-visible, #sift-bar button:focus-visible { outline: 2px solid var(--sift-fill); outline-offset: -3px }
#sift-skip { position: absolute; left: -999px } #sift-skip:focus { position: static }
.sift-dark #vg-tooltip-element { background: #262c29; color: #e8eaed; border-color: #4a524e }
.sift-dark #vg-tooltip-element table tr td.key { color: #a3abb5 }
#sift-copy::first-letter { text-transform: uppercase }
@media (max-width: 640px) { #sift-bar { padding: 0 .4rem; gap: .1rem } #sift-copy span { display: none } }
</style>"""


def bar() -> str:
    """The bar of pages."""
    links = "".join(
        f'<li><a data-page="{path}" href="{path}">{escape(name)}</a></li>' for path, (_, name) in PAGES.items()
    )
    return (
        '<nav id="sift-bar" aria-label="Pages"><a id="sift-skip" href="#root">Skip to content</a>'
        f'<ul>{links}</ul><button id="sift-copy" type="button" aria-label="Copy link"><span>Copy </span>link</button>'
        f'<button id="sift-theme" type="button" aria-label="Change between light and dark">Dark</button></nav>'
    )


def head() -> str:
    """What goes into the head of every page."""
    text = SCRIPT % {"bar": json.dumps(bar()).replace("</", "<\\/"), "kept": json.dumps(KEPT)}
    return text + STYLE
