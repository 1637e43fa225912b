"""Signing in and out: a form that posts a token, which stays in this process; the browser gets a random name for it."""

from html import escape
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from analysis.notebooks import vault
from analysis.notebooks.access import Access
from analysis.notebooks.shell import PAGES, STYLE

LOGIN, LOGOUT, SESSION = "/login", "/logout", "/session"
PATHS = frozenset({LOGIN, LOGOUT, SESSION})
LONGEST_BODY = 8192  # bytes
DARK = """--sift-ink:#e8eaed;--sift-quiet:#a3abb5;--sift-line:#2a2f2d;--sift-paper:#181c1a;--sift-fill:#6fc0ee;
--on-fill:#10202b;--warn:#f5b971;--field:#1e2321;color-scheme:dark"""
FORM = """<!doctype html><html lang="en" class="{theme}"><head><meta charset="utf-8"><title>Sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{style}<style>
:root{{--on-fill:#fff;--warn:#8a4b00;--field:#fff}} :root.sift-dark{{{dark}}}
@media (prefers-color-scheme: dark){{:root:not(.sift-light){{{dark}}}}}
main{{max-width:26rem;margin:12vh auto;padding:0 1.2rem;color:var(--sift-ink);
font:16px/1.5 "Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif}}
label{{display:block;margin:1.2rem 0 .3rem}} p{{color:var(--sift-quiet)}} .warn{{color:var(--warn)}}
input,button{{font:inherit;width:100%;padding:.55rem .7rem;border:1px solid var(--sift-quiet);border-radius:6px;
box-sizing:border-box;background:var(--field);color:var(--sift-ink)}}
button{{margin-top:1rem;background:var(--sift-fill);color:var(--on-fill);border-color:transparent;cursor:pointer}}
:focus-visible{{outline:2px solid var(--sift-fill);outline-offset:2px}}
</style></head><body><main><h1>Sign in</h1>
<p>With a token of the service; <code>sparseift tokens create</code> makes one. It may read what the token may read.</p>
{problem}<form method="post" action="/login"><input type="hidden" name="next" value="{target}">
<label for="token">Token</label><input id="token" name="token" type="password" autocomplete="off" required autofocus>
<button>Sign in</button></form></main></body></html>"""


async def answer(request: Request, viewer: str, fresh: str, access: Access) -> Response:
    """The answer to one of `PATHS`.

    Args:
        viewer: the value of the viewer's genuine cookie; "" without one.
        fresh: a new cookie's value, under which a right token is kept: a name from before the login opens nothing.
    """
    path, token = request.url.path, vault.get(viewer)
    if path == SESSION:
        return JSONResponse({"name": access.name(token) or "signed in"} if token else {})
    if path == LOGOUT:
        if request.method != "POST":
            return RedirectResponse("/", status_code=303)
        vault.remove(viewer)
        return RedirectResponse(LOGIN, status_code=303)
    if request.method == "POST":
        return await _sign_in(request, viewer, fresh, access)
    return _form(allowed(request.query_params.get("next", "/")))


async def _sign_in(request: Request, viewer: str, fresh: str, access: Access) -> Response:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            return _form("/", "This form is too long.", 413)
    fields = parse_qs(body.decode("utf-8", "replace"))
    target, token = allowed(fields.get("next", ["/"])[0]), fields.get("token", [""])[0].strip()
    address = request.client.host if request.client else ""
    if access.must_wait(address):
        return _form(target, "Too many wrong tokens came from this address; wait a minute.", 429)
    problem = await access.refusal(token) if token.isascii() and token else "That is no token."
    if problem is not None:
        if not access.is_away:
            access.note_wrong(address)
        return _form(target, problem, 401)
    vault.remove(viewer)
    vault.put(fresh, token)
    answer = RedirectResponse(target, status_code=303)
    answer.headers["X-Sift-Cookie"] = "fresh"  # for the gate, which sets it and takes this away
    return answer


def _form(target: str, problem: str = "", status: int = 200) -> Response:
    said = f'<p class="warn" role="alert">{escape(problem)}</p>' if problem else ""
    theme = parse_qs(urlsplit(target).query).get("theme", [""])[0]
    shown = f"sift-{theme}" if theme in ("light", "dark") else ""  # else as the reader's system has it
    text = FORM.format(style=STYLE, problem=said, target=escape(target), theme=shown, dark=DARK)
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def allowed(target: str) -> str:
    """One of our pages with its query; whatever else was asked for becomes the first page."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path not in PAGES or not target.startswith(parts.path):
        return "/"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
