"""Files that come with a request land in their folder, whatever they are called."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from pellucid.errors import ConfigError, PellucidError
from pellucid.interfaces.studio import upload
from pellucid.interfaces.studio.guard import Refused
from pellucid.interfaces.studio.upload import Form, cleaned, receive

BOUNDARY = "----pellucid"


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    said = f'form-data; name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
    head = f"--{BOUNDARY}\r\nContent-Disposition: {said}\r\n\r\n".encode()
    return head + data + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def received(folder: Path, body: bytes, *, pieces: int = 7, boundary: str = BOUNDARY) -> Form:
    """The form as it comes over the wire, cut at random places."""
    rng = random.Random(0)
    cuts = sorted(rng.randrange(len(body) + 1) for _ in range(pieces))
    chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]

    async def receiving() -> AsyncIterator[dict[str, object]]:
        for chunk in chunks:
            yield {"type": "http.request", "body": chunk, "more_body": True}
        yield {"type": "http.request", "body": b"", "more_body": False}

    messages = receiving()
    kind = f'multipart/form-data; boundary="{boundary}"'
    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind.encode())]}

    async def read() -> Form:
        return await receive(Request(scope, lambda: anext(messages)), folder)

    return asyncio.run(read())


def test_fields_and_files(tmp_path: Path) -> None:
    data = bytes(range(256)) * 50 + f"\r\n--{BOUNDARY[:-1]}".encode()
    body = part("order", '{"é": 1}'.encode()) + part("file", data, "a.bin") + END
    form = received(tmp_path, body)
    assert form.fields == {"order": '{"é": 1}'}
    assert form.files == [("file", tmp_path / "a.bin")]
    assert (tmp_path / "a.bin").read_bytes() == data


def test_folders_are_kept_and_hidden_files_left_out(tmp_path: Path) -> None:
    names = ["pets/cat/1.png", "pets/dog/1.png", "pets/.DS_Store", ".git/config", "pets/cat/é.png"]
    body = b"".join(part("file", name.encode(), name) for name in names) + END
    form = received(tmp_path, body)
    assert [path.relative_to(tmp_path).as_posix() for _, path in form.files] == [
        "pets/cat/1.png",
        "pets/dog/1.png",
        "pets/cat/é.png",
    ]
    assert form.fields == {}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mine")
    body = part("file", b"1", "a.csv") + part("file", b"2", "a.csv") + END
    form = received(tmp_path, body)
    assert (tmp_path / "a.csv").read_text() == "mine"
    assert [path.name for _, path in form.files] == ["a-2.csv", "a-3.csv"]
    assert form.by_name() == {"file": tmp_path / "a-3.csv"}


@settings(max_examples=400, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_no_name_leads_out(name: str) -> None:
    path = cleaned(name)
    assert not path.is_absolute()
    assert 1 <= len(path.parts) <= upload.DEEPEST
    for one in path.parts:
        assert one not in ("", ".", "..")
        assert not one.startswith((".", "~", " ")) or one.startswith("~")
        assert not one.endswith((".", " "))
        assert len(one) <= upload.LONGEST
        assert not set(one) & set('\x00\n<>:"|?*\\/')
    assert (Path("/folder") / path).resolve().is_relative_to("/folder")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("..\\..\\windows\\win.ini", "windows/win.ini"),
        ("C:\\pets\\cat.png", "C_/pets/cat.png"),
        ("CON", "_CON"),
        ("a/nul.txt", "a/_nul.txt"),
        ("", "file"),
        ("....", "file"),
        ("x" * 400 + ".png", "x" * 108 + ".png"),
    ],
)
def test_names_that_would_lead_out(name: str, expected: str) -> None:
    assert cleaned(name).as_posix() == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nothing of the kind",
        part("file", b"data", "a.png"),  # no end
        part("file", b"data", "a.png")[:-20],
        b"--" + BOUNDARY.encode() + b"\r\nnonsense\r\n",
    ],
)
def test_a_broken_upload_is_said(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(ConfigError, match=r"the upload (is broken|ended too early)"):
        received(tmp_path, body)


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MOST_FILES", 3)
    body = b"".join(part("file", b"x", f"{number}.png") for number in range(4)) + END
    with pytest.raises(Refused, match="more than 3 files"):
        received(tmp_path, body)


def test_a_field_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "FIELD_BYTES", 10)
    with pytest.raises(Refused, match="'order' is too long"):
        received(tmp_path, part("order", b"x" * 11) + END)


def test_a_file_in_the_way_of_a_folder(tmp_path: Path) -> None:
    body = part("file", b"x", "pets") + part("file", b"x", "pets/cat.png") + END
    with pytest.raises(PellucidError, match="can't be kept"):
        received(tmp_path, body)
