"""The studio's routes, and nothing else; docs/studio.md lists them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import anyio
import anyio.from_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pellucid import __version__
from pellucid.errors import PellucidError
from pellucid.examples import EXAMPLES
from pellucid.interfaces.studio import ask, labels, live, rows, trace, uses, vary, work
from pellucid.interfaces.studio.given import Given, given
from pellucid.interfaces.studio.guard import Guard, Refused, error_response
from pellucid.interfaces.studio.orders import order_of
from pellucid.interfaces.studio.runs import Shelf
from pellucid.recording.run import Run

PAGE = Path(__file__).with_name("page")
NO_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Pellucid studio</title>
<h1>The page is not built yet</h1>
<p>This is a checkout of Pellucid's source. Build the page once, with Node 20.19 or newer:</p>
<pre>cd studio
npm ci &amp;&amp; npm run build</pre>
<p>Then load this page again. Everything that it would show is in the runs' folders, and
<code>pellucid show</code> tells the most important of it.</p></html>"""
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".map": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
"""What the page's files are; the system's own list differs from machine to machine."""


@dataclass
class Studio:
    """What the routes work on. token: the key. hosts: what `Host` may say."""

    shelf: Shelf
    token: str
    hosts: tuple[str, ...]
    cookie: str = "pellucid"
    closing: Event = field(default_factory=Event)
    asker: ask.Asker = field(default_factory=ask.Asker)
    turns: anyio.Lock = field(default_factory=anyio.Lock)

    def __post_init__(self) -> None:
        self.workshop = work.Workshop(self.shelf)


def app(studio: Studio) -> ASGIApp:
    """The whole server."""
    inner = Starlette(
        routes=[*_page_routes(), *_run_routes(studio)],
        exception_handlers={
            PellucidError: _told,
            HTTPException: _not_found,
            Exception: _our_bug,
        },
    )
    return Guard(inner, token=studio.token, hosts=studio.hosts, cookie=studio.cookie)


# --- the page -----------------------------------------------------------------------------------


def _page_routes() -> list[Route]:
    return [
        Route("/", _index),
        Route("/r/{run}", _index),
        Route("/assets/{file:path}", lambda request: _page_file(f"assets/{_asked(request)}")),
        Route("/{file}", lambda request: _page_file(_asked(request))),
    ]


def _index(request: Request) -> Response:
    path = PAGE / "index.html"
    body = path.read_bytes() if path.is_file() else NO_PAGE.encode()
    return HTMLResponse(body, headers={"Cache-Control": "no-store"})


def _asked(request: Request) -> str:
    return str(request.path_params["file"])


def _page_file(name: str) -> Response:
    """A file of the page; built files have their content's hash in their names."""
    path = (PAGE / name).resolve()
    if not (path.is_relative_to(PAGE.resolve()) and path.suffix in KINDS and path.is_file()):
        raise Refused(404, f"the page has no {name}", where="studio", fix="build the page again")
    hashed = name.startswith("assets/")
    cache = "private, max-age=31536000, immutable" if hashed else "no-store"
    return Response(path.read_bytes(), 200, {"Cache-Control": cache}, KINDS[path.suffix])


# --- the first page's answer --------------------------------------------------------------------


def home(studio: Studio) -> dict[str, Any]:
    """Which runs there are, and which examples could be learned from."""
    lines = [*studio.workshop.lines(), *studio.shelf.lines()]
    lines.sort(key=lambda line: str(line["started"] or ""), reverse=True)
    return {
        "version": __version__,
        "folder": str(studio.shelf.folder),
        "runs": lines,
        "examples": [
            {
                "name": example.name,
                "title": example.title,
                "modality": example.modality,
                "made_up": example.generated,
                "description": example.description,
                "seconds": _took(example.name, lines),
            }
            for example in EXAMPLES.values()
        ],
    }


def _took(example: str, lines: list[dict[str, Any]]) -> float | None:
    """Seconds that an example took here the last time."""
    for line in lines:
        parts = Path(line["path"] or "").parts
        made = parts[parts.index("examples") :] if "examples" in parts else ()
        if line["status"] == "done" and example in made:
            return float(line["seconds"] or 0) or None
    return None


# --- runs ---------------------------------------------------------------------------------------


def _run_routes(studio: Studio) -> list[Route]:
    def run_of(request: Request) -> Run:
        return studio.shelf.run(request.path_params["run"])

    def get(path: str, answer: Callable[[Request, Run], Response]) -> Route:
        return Route(f"/api/runs/{{run}}/{path}", lambda request: answer(request, run_of(request)))

    def post(path: str, answer: Callable[[Run, dict[str, Any]], Any]) -> Route:
        """An order about a run that is done at once."""

        async def endpoint(request: Request) -> Response:
            order = order_of(await request.body())
            run = await run_in_threadpool(run_of, request)
            found = await run_in_threadpool(answer, run, order)
            return trace.as_json(request, found, cache=LIVE)

        return Route(f"/api/runs/{{run}}/{path}", endpoint, methods=["POST"])

    def ask_for(path: str, answer: Callable[[ask.Asker, Run, dict[str, Any]], Any]) -> Route:
        """Something that takes its time."""

        async def endpoint(request: Request) -> Response:
            order = order_of(await request.body())
            run = await run_in_threadpool(run_of, request)
            return await _in_turn(studio, request, answer, run, order)

        return Route(f"/api/runs/{{run}}/{path}", endpoint, methods=["POST"])

    def about(path: str, answer: Callable[[ask.Asker, Run, Given], Any]) -> Route:
        """A question about one example."""

        async def endpoint(request: Request) -> Response:
            run = await run_in_threadpool(run_of, request)
            async with given(request) as example:
                return await _in_turn(studio, request, answer, run, example)

        return Route(f"/api/runs/{{run}}/{path}", endpoint, methods=["POST"])

    async def some_rows(request: Request) -> Response:
        run = await run_in_threadpool(run_of, request)
        return await _in_turn(studio, request, rows.rows, run, request.query_params)

    async def form(request: Request) -> Response:
        run = await run_in_threadpool(run_of, request)
        return await _in_turn(studio, request, uses.form, run, None)

    def control(run_name: str, order: dict[str, Any]) -> dict[str, Any]:
        if studio.workshop.is_starting(run_name):
            return studio.workshop.control(run_name, order)
        return work.control(studio.shelf.run(run_name), order)

    async def controlled(request: Request) -> Response:
        order = order_of(await request.body())
        found = await run_in_threadpool(control, request.path_params["run"], order)
        return trace.as_json(request, found, cache=LIVE)

    async def start(request: Request) -> Response:
        found, status = await work.start(studio.workshop, request)
        answer = trace.as_json(request, found, cache=LIVE)
        answer.status_code = status
        return answer

    def log(request: Request) -> Response:
        found = studio.workshop.log(request.path_params["run"])
        return trace.as_json(request, found, cache=LIVE)

    return [
        Route("/api/home", lambda request: trace.as_json(request, home(studio), cache=LIVE)),
        Route("/api/runs", start, methods=["POST"]),
        Route("/api/runs/{run}/log", log),
        Route("/api/runs/{run}/control", controlled, methods=["POST"]),
        get("manifest", lambda request, run: trace.as_json(request, _named(request, run))),
        get("drawings", lambda request, run: trace.as_json(request, trace.drawings(run))),
        get("steps", _steps),
        get("events", _events),
        get("looks", lambda request, run: trace.as_json(request, trace.looks(run), cache=LIVE)),
        get("looks/{chunk:int}", _chunk),
        get("weights/{step:int}", _weights),
        get("probe", _probe),
        get("answers", _answers),
        get("results/{name}", _results),
        get("findings", lambda request, run: trace.as_json(request, trace.findings(run))),
        get("report", lambda request, run: trace.report(run)),
        get(
            "live",
            lambda request, run: live.stream(
                run, studio.closing.is_set, lambda: studio.asker.doing
            ),
        ),
        Route("/api/runs/{run}/rows", some_rows),
        Route("/api/runs/{run}/form", form),
        get("labels", _labels),
        get("decisions", lambda request, run: trace.as_json(request, labels.decisions(run))),
        post("labels", labels.decide),
        ask_for("iteration", ask.iteration),
        ask_for("study", ask.study),
        ask_for("vary", vary.vary),
        Route("/api/runs/{run}/predict", Predicting(studio, run_of), methods=["POST"]),
        about("explain", ask.explain),
    ]


@dataclass
class Predicting:
    """Answers one example; what is written, if the page wants it so, piece by piece: a line
    `{"piece": TEXT}` for each, and at the end a line with what would have been the answer, or with
    `{"error"}`. As long as there was no piece, answers and errors are as everywhere else."""

    studio: Studio
    run_of: Callable[[Request], Run]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        run = await run_in_threadpool(self.run_of, request)
        async with given(request) as example:
            lines = Lines(request, send)
            if example.pieces:
                example = replace(example, tell=lines.tell)
            try:
                answer = await _in_turn(self.studio, request, ask.predict, run, example)
            except PellucidError as error:
                if not lines.begun:
                    raise
                answer = error_response(error)
            except PageLeft:
                return
            if lines.begun:
                await lines.write(bytes(answer.body), more=False)
            else:
                await answer(scope, receive, send)


class PageLeft(Exception):
    """Nobody waits for the rest of an answer."""


@dataclass
class Lines:
    """An answer in lines, each sent when it is there."""

    request: Request
    send: Send
    begun: bool = False

    def tell(self, piece: str) -> None:
        """Send a piece from the thread that writes.

        Raises:
            PageLeft: The page was closed, or asks something else.
        """
        anyio.from_thread.run(self._piece, piece)

    async def _piece(self, piece: str) -> None:
        if await self.request.is_disconnected():
            raise PageLeft
        text = json.dumps({"piece": piece}, ensure_ascii=False)
        try:
            await self.write(text.encode(errors="replace"), more=True)
        except OSError as error:
            raise PageLeft from error

    async def write(self, line: bytes, *, more: bool) -> None:
        """Send one line; the first one opens the answer, the last one ends it."""
        if not self.begun:
            self.begun = True
            headers = [
                (b"content-type", b"application/x-ndjson"),
                (b"cache-control", LIVE.encode()),
            ]
            await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        body = {"type": "http.response.body", "body": line + b"\n", "more_body": more}
        await self.send(body)


async def _in_turn(
    studio: Studio, request: Request, answer: Callable[..., Any], run: Run, asked: Any
) -> Response:
    """The answer to something heavy. Whoever waits takes no thread, and whoever left is skipped:
    a page that asks at every key that is pressed does not wait for all its answers."""
    async with studio.turns:
        if await request.is_disconnected():
            return Response(status_code=204)
        found = await run_in_threadpool(answer, studio.asker, run, asked)
    return trace.as_json(request, found, cache=LIVE)


LIVE = "no-store"


def _named(request: Request, run: Run) -> dict[str, object]:
    return {**trace.manifest(run), "run": request.path_params["run"]}


def _steps(request: Request, run: Run) -> Response:
    body = trace.steps(run, trace.whole_number(request, "from"))
    return trace.data(request, body, cache=LIVE)


def _events(request: Request, run: Run) -> Response:
    found = trace.events(run, trace.whole_number(request, "from"))
    return trace.as_json(request, found, cache=LIVE)


def _chunk(request: Request, run: Run) -> Response:
    chunk, asked = int(request.path_params["chunk"]), request.query_params
    example = trace.whole_number(request, "example") if "example" in asked else None
    # Asked before reading: what is sealed now is so when it is read.
    cache = trace.forever(request, run) if trace.sealed(run, chunk) else LIVE
    body = trace.chunk(run, chunk, asked.getlist("only"), example)
    return trace.data(request, body, cache=cache)


def _weights(request: Request, run: Run) -> Response:
    step = int(request.path_params["step"])
    path = trace.existing(run, f"weights/{step:06d}.safetensors")
    body = trace.some_arrays(path, request.query_params.getlist("only"))
    return trace.data(request, body, cache=trace.forever(request, run))


def _probe(request: Request, run: Run) -> Response:
    body = trace.some_arrays(trace.existing(run, "probe/inputs.safetensors"), [])
    return trace.data(request, body, cache=trace.forever(request, run))


def _answers(request: Request, run: Run) -> Response:
    return trace.data(request, trace.answers(run, trace.whole_number(request, "from")))


def _labels(request: Request, run: Run) -> Response:
    """The rows that are not to be learned from, as a file to keep."""
    headers = {
        "Cache-Control": LIVE,
        "Content-Disposition": 'attachment; filename="decisions.csv"',
    }
    return Response(labels.listed(run), 200, headers, "text/csv; charset=utf-8")


def _file(request: Request, run: Run, name: str) -> Response:
    return trace.data(request, trace.some_arrays(trace.existing(run, name), []))


def _results(request: Request, run: Run) -> Response:
    name = request.path_params["name"]
    if name in trace.ARRAY_RESULTS:
        return _file(request, run, f"results/{name}.safetensors")
    return trace.as_json(request, trace.json_result(run, name))


# --- when something goes wrong ------------------------------------------------------------------


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, PellucidError)
    return error_response(error)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = f"there is no {request.method} {request.url.path}"
    fix = "docs/studio.md lists what can be asked for"
    return error_response(Refused(error.status_code, what, where="studio", fix=fix))


async def _our_bug(request: Request, error: Exception) -> Response:
    """The trace goes to the terminal; the page gets a sentence."""
    what = f"Pellucid could not answer: {type(error).__name__}"
    fix = "the terminal says more; please report it as a bug"
    return error_response(Refused(500, what, where=request.url.path, fix=fix))
