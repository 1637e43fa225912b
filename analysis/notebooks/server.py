"""The notebooks as one ASGI application: marimo in run mode (no source, no editing) behind the gate."""

from pathlib import Path

import marimo
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from analysis.notebooks.compiling import take_turns
from analysis.notebooks.gate import Gate

PAGES = {"/": "isoflop.py"}  # path -> notebook beside this file
SESSION_TTL_S = 120
COMPRESSED_FROM_BYTES = 1024
COMPRESSION = 5  # of 9: 334 files, 7.9 MB raw, once per browser
# Without ?theme=, follow the reader's system: marimo reads the parameter, and so does the notebook for its charts.
# marimo's own export menu would lie over ours on a phone.
HEAD = """<script>
(() => {
  const url = new URL(location.href);
  if (!url.searchParams.has("theme") && matchMedia("(prefers-color-scheme: dark)").matches) {
    url.searchParams.set("theme", "dark");
    history.replaceState(null, "", url);
  }
})();
</script>
<style>[data-testid="notebook-actions-dropdown"] { display: none }</style>"""


def build(hosts: tuple[str, ...] = ()) -> ASGIApp:
    """The application; `hosts` are names beside loopback's that requests may address."""
    take_turns()
    builder = marimo.create_asgi_app(quiet=True, include_code=False, session_ttl=SESSION_TTL_S, html_head=HEAD)
    for path, notebook in PAGES.items():
        builder = builder.with_app(path=path, root=str(Path(__file__).with_name(notebook)))
    compressed = GZipMiddleware(builder.build(), minimum_size=COMPRESSED_FROM_BYTES, compresslevel=COMPRESSION)
    return Gate(compressed, hosts)
