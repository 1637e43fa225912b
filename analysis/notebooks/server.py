"""The notebooks as one ASGI application: marimo in run mode (no source, no editing) behind the gate."""

from pathlib import Path

import marimo
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from analysis.notebooks import shell
from analysis.notebooks.access import Access
from analysis.notebooks.addresses import Addresses
from analysis.notebooks.api import DEFAULT_URL
from analysis.notebooks.assets import Assets, Lean
from analysis.notebooks.compiling import take_turns
from analysis.notebooks.gate import Gate

SESSION_TTL_S = 120
COMPRESSED_FROM_BYTES = 1024
COMPRESSION = 5  # of 9


def build(
    hosts: tuple[str, ...] = (), *, api: str = DEFAULT_URL, login: bool = False, tls_only: bool = False
) -> ASGIApp:
    """The application.

    Args:
        hosts: names beside loopback's that requests may address.
        api: address of the service, which says whether viewers need a token.
        login: viewers need one in any case.
        tls_only: refuse what did not come through a proxy that ends TLS.
    """
    take_turns()
    builder = marimo.create_asgi_app(
        quiet=True,
        include_code=False,
        session_ttl=SESSION_TTL_S,
        html_head=shell.head(),
        asset_url="",  # every page loads marimo's files from the root, so that a browser fetches them once
    )
    for path, (notebook, _) in shell.PAGES.items():
        root = str(Path(__file__).with_name(notebook))
        builder = builder.with_app(path=path.rstrip("/") or "/", root=root)
    compressed = GZipMiddleware(Lean(builder.build()), minimum_size=COMPRESSED_FROM_BYTES, compresslevel=COMPRESSION)
    return Gate(Assets(Addresses(compressed)), Access(api, always=login), hosts, tls_only=tls_only)
