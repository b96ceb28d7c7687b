"""Who may ask: this machine's own browser, with the key that the terminal printed.

A page on the web can make a browser send requests to 127.0.0.1, and a name of its own can be made
to point there. So every request must name this server as its `Host`, carry the key as a cookie,
and, where the browser says which page asks, come from our own page. No answer may be put into
a frame of others, and the page may load nothing from elsewhere.
"""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pellucid.errors import PellucidError

POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob: data:; "
    "connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
REPORT_POLICY = (
    "sandbox allow-scripts allow-popups allow-downloads; default-src 'none'; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "media-src data: blob:; font-src data:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'"
)
"""A report is one file with everything in it, perhaps a stranger's: it may show itself and no more,
and counts as a page from elsewhere."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
UPLOAD_BYTES = 4 * 2**30
EXAMPLE_BYTES = 64 * 2**20
ORDER_BYTES = 2**20
"""Most that a request may bring: data to learn from, one example, anything else."""
FIXES = {
    UPLOAD_BYTES: "give the folder's path instead: pellucid learn FOLDER",
    EXAMPLE_BYTES: "give a smaller picture, or a shorter recording or table",
}


class Refused(PellucidError):
    """A request that can't be answered. status: of HTTP."""

    code = "refused"

    def __init__(self, status: int, what: str, *, where: str, fix: str) -> None:
        super().__init__(what, where=where, fix=fix)
        self.status = status


class Guard:
    """Lets through what comes from the studio's own page, and refuses everything else.

    Args:
        app: Answers what is let through.
        token: The key; whoever brings it as `?token=` gets it as a cookie.
        hosts: What `Host` may say: "127.0.0.1:8710".
        cookie: Name of the cookie; cookies know no ports, so each studio has a name of its own.
    """

    def __init__(self, app: ASGIApp, *, token: str, hosts: tuple[str, ...], cookie: str) -> None:
        self.app, self.token, self.hosts, self.cookie = app, token, hosts, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        guarded = _with_headers(send)
        try:
            answer = self._answer(scope)
            if answer is None:
                limited = _limited(receive, Headers(scope=scope), scope)
                await self.app(scope, limited, guarded)
            else:
                await answer(scope, receive, guarded)
        except Refused as error:  # found while the body was read
            await error_response(error)(scope, receive, guarded)

    def _answer(self, scope: Scope) -> Response | None:
        """What is said instead of what was asked for; None: let it through."""
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self.hosts:
            return _refusal(scope, "this is not the address of the studio", "Host", self._open())
        if not self._ours(scope, headers):
            return _refusal(scope, "another page asked for this", "Origin", self._open())
        token = self._given(scope)
        if token is not None and hmac.compare_digest(token.encode(), self.token.encode()):
            return self._welcome(scope)
        if not hmac.compare_digest(self._shown(headers).encode(), self.token.encode()):
            return _refusal(scope, "the key is missing or is an old one", "cookie", self._open())
        return None

    def _ours(self, scope: Scope, headers: Headers) -> bool:
        """Whether our own page asks, as far as the browser says. Another port of this machine is
        another site's page, although cookies go there too."""
        origin, fetched = headers.get("origin"), headers.get("sec-fetch-site")
        if scope["method"] not in ("GET", "HEAD"):
            own = f"http://{headers['host'].lower()}"
            return origin in (None, own) and fetched in (None, "same-origin")
        if scope["path"].startswith("/api/"):
            return fetched in (None, "same-origin", "none")
        return True

    def _given(self, scope: Scope) -> str | None:
        if scope["method"] != "GET":
            return None
        return parse_qs(scope["query_string"].decode("latin-1")).get("token", [None])[0]

    def _shown(self, headers: Headers) -> str:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return ""
        return cookie.value if cookie else ""

    def _welcome(self, scope: Scope) -> Response:
        """Keep the key as a cookie, and get it out of the address."""
        asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        rest = urlencode({name: value for name, value in asked.items() if name != "token"}, True)
        path = "/" + scope.get("raw_path", scope["path"].encode()).decode("latin-1").lstrip("/\\")
        answer = RedirectResponse(path + (f"?{rest}" if rest else ""), status_code=303)
        answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _open(self) -> str:
        return "open the address that 'pellucid studio' printed in the terminal"


def most_bytes(scope: Scope) -> int:
    """How large the body of this request may be."""
    path = scope["path"]
    if path == "/api/runs":
        return UPLOAD_BYTES
    if path.endswith(("/predict", "/explain")):
        return EXAMPLE_BYTES
    return ORDER_BYTES


def error_response(error: PellucidError) -> JSONResponse:
    """An error as `{"error": {"code", "what", "where", "fix"}}`."""
    status = getattr(error, "status", None) or STATUS.get(error.code, 400)
    headers = {"Cache-Control": "no-store"}
    return JSONResponse({"error": error.as_json()}, status, headers)


STATUS = {"bundle": 409, "missing-extra": 501}
"""Code of an error -> status of HTTP, where it is not 400."""


def _refusal(scope: Scope, what: str, where: str, fix: str) -> Response:
    if scope["path"].startswith("/api/"):
        return error_response(Refused(403, what, where=where, fix=fix))
    text = f"<!doctype html><title>Pellucid</title><p>{what}: {fix}.</p>"
    return HTMLResponse(text, 403, {"Cache-Control": "no-store"})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Content-Security-Policy", POLICY)
        await send(message)

    return sending


def _limited(receive: Receive, headers: Headers, scope: Scope) -> Receive:
    """The same body, up to so many bytes; more is refused, whatever its length was said to be."""
    most = most_bytes(scope)
    said = headers.get("content-length", "0")
    if not said.isdigit() or int(said) > most:
        raise _too_large(most)
    had = 0

    async def receiving() -> Message:
        nonlocal had
        message = await receive()
        had += len(message.get("body", b""))
        if had > most:
            raise _too_large(most)
        return message

    return receiving


def _too_large(most: int) -> Refused:
    return Refused(
        413,
        f"that is more than the {most / 2**20:,.0f} MB that fit into one request",
        where="upload",
        fix=FIXES.get(most, "send less"),
    )
