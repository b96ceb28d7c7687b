"""Who may ask the studio, and what its answers may do in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from studio_runs import HOST, TOKEN, Open, studio_of

from pellucid.interfaces.studio import guard
from pellucid.interfaces.studio.server import app

PATHS = ("/", "/r/x.run", "/api/home", "/api/runs/x.run/manifest", "/api/runs/x.run/report")


@pytest.fixture
def stranger(tmp_path: Path) -> TestClient:
    """A client that has no key."""
    return TestClient(app(studio_of(tmp_path)), base_url=f"http://{HOST}", follow_redirects=False)


def test_the_key_becomes_a_cookie_and_leaves_the_address(stranger: TestClient) -> None:
    answer = stranger.get("/r/a%20b.run", params={"token": TOKEN, "t": "4 12", "x": ""})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/r/a%20b.run?t=4+12&x="
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"pellucid={TOKEN};")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in stranger.get("/").text
    assert stranger.get("/").status_code == 200


def test_the_address_never_leads_elsewhere(stranger: TestClient) -> None:
    answer = stranger.get(f"http://{HOST}//evil.example/x", params={"token": TOKEN})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/evil.example/x"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("cookie", [None, "pellucid=", "pellucid=another", "pellucid=é; a,b=,;"])
def test_nothing_without_the_key(stranger: TestClient, path: str, cookie: str | None) -> None:
    headers = {} if cookie is None else {"cookie": cookie.encode()}
    answer = stranger.get(path, headers=headers)
    assert answer.status_code == 403
    assert "pellucid studio" in answer.text
    wrong = stranger.get(path, params={"token": "guess"}, headers=headers)
    assert wrong.status_code == 403
    assert "set-cookie" not in wrong.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "[::1]:8710", ""])
@pytest.mark.parametrize("path", ["/", "/api/home"])
def test_another_host_is_refused(tmp_path: Path, open_studio: Open, host: str, path: str) -> None:
    """A page whose name was made to point here (DNS rebinding) has its own name as Host."""
    answer = open_studio(tmp_path).get(path, headers={"host": host})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    with_key = open_studio(tmp_path).get(f"/?token={TOKEN}", headers={"host": host})
    assert with_key.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8888"},
        {"origin": "http://localhost:8710"},
        {"origin": f"https://{HOST}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
def test_orders_come_from_our_page(
    tmp_path: Path, open_studio: Open, headers: dict[str, str]
) -> None:
    answer = open_studio(tmp_path).post("/api/runs", json={}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["what"] == "another page asked for this"


@pytest.mark.parametrize(
    "headers", [{}, {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}]
)
def test_orders_of_our_page_get_through(
    tmp_path: Path, open_studio: Open, headers: dict[str, str]
) -> None:
    answer = open_studio(tmp_path).post("/api/runs", json={}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["what"] == "there is nothing to learn from"


def test_another_port_of_this_machine_can_ask_nothing(tmp_path: Path, open_studio: Open) -> None:
    """Browsers send cookies to every port of a host, even strict ones."""
    studio = open_studio(tmp_path)
    assert studio.get("/api/home", headers={"sec-fetch-site": "same-site"}).status_code == 403
    assert studio.get("/api/home", headers={"sec-fetch-site": "same-origin"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/home", "/api/nothing", "/assets/nothing.js"])
def test_every_answer_is_locked_up(tmp_path: Path, open_studio: Open, path: str) -> None:
    headers = open_studio(tmp_path).get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers[
        "content-security-policy"].split(";"))  # fmt: skip
    assert policy == {
        "default-src": "'self'",
        "img-src": "'self' blob: data:",
        "media-src": "'self' blob: data:",
        "connect-src": "'self'",
        "object-src": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_refusals_are_locked_up_too(stranger: TestClient) -> None:
    assert "content-security-policy" in stranger.get("/").headers


def test_a_request_brings_only_so_much(
    tmp_path: Path, open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "ORDER_BYTES", 100)
    studio = open_studio(tmp_path)
    said = studio.post("/api/runs/x/control", content=b"x" * 101)
    assert said.status_code == 413
    assert said.json()["error"]["what"].startswith("that is more than")

    def parts() -> object:
        yield from (b"x" * 40 for _ in range(3))  # no length is said

    assert studio.post("/api/runs/x/control", content=parts()).status_code == 413
    assert studio.post("/api/runs/x/control", content=b"{}").status_code == 404
    broken = studio.post("/api/runs/x/control", content=b"{}", headers={"content-length": "-1"})
    assert broken.status_code == 413


def test_what_is_not_there_is_said_in_json(tmp_path: Path, open_studio: Open) -> None:
    studio = open_studio(tmp_path)
    for answer, status in (
        (studio.get("/api/nothing"), 404),
        (studio.put("/api/home"), 405),
        (studio.get("/api/runs/x.run/manifest"), 404),
        (studio.get("/api/runs/..%2f..%2fetc/manifest"), 404),
        (studio.get("/api/runs/%2e%2e/manifest"), 404),
        (studio.get("/assets/..%2f..%2fserver.py"), 404),
        (studio.get("/assets/%2e%2e/%2e%2e/server.py"), 404),
        (studio.get("/server.py"), 404),
    ):
        assert answer.status_code == status, answer.url
        assert set(answer.json()["error"]) == {"code", "what", "where", "fix"}
        assert answer.headers["cache-control"] == "no-store"


def test_a_bug_of_ours_shows_no_trace(
    tmp_path: Path, open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = studio_of(tmp_path)
    monkeypatch.setattr(studio, "workshop", None)
    answer = open_studio(studio).get("/api/home")
    assert answer.status_code == 500
    assert answer.json()["error"]["what"] == "Pellucid could not answer: AttributeError"
    assert "Traceback" not in answer.text
    assert "content-security-policy" in answer.headers


def test_the_built_page_or_how_to_build_it(
    tmp_path: Path, open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pellucid.interfaces.studio import server

    monkeypatch.setattr(server, "PAGE", tmp_path / "page")
    studio = open_studio(tmp_path)
    assert "npm run build" in studio.get("/").text
    (tmp_path / "page" / "assets").mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("<p>the page</p>")
    (tmp_path / "page" / "assets" / "a-1b2c.js").write_text("1")
    (tmp_path / "page" / "secret.key").write_text("1")
    for path in ("/", "/r/any.run"):
        assert studio.get(path).text == "<p>the page</p>"
        assert studio.get(path).headers["cache-control"] == "no-store"
    script = studio.get("/assets/a-1b2c.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]
    assert studio.get("/secret.key").status_code == 404
