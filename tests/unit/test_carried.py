"""The run inside its report: what is packed is what the run's folder holds, and it always fits."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

import pellucid
from pellucid.interfaces.report import write_report
from pellucid.interfaces.report.carried import SHARES, carried
from pellucid.interfaces.report.watched import MOST_BYTES
from pellucid.recording.run import Run

CODE = "console.log('</script><!--')"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("carried")
    numbers = np.random.default_rng(0).normal(size=(200, 4)).round(3)
    lines = ["a,b,c,d,kind"]
    lines += [",".join([*map(str, row), "high" if row[0] > 0 else "low"]) for row in numbers]
    source = folder / "rows.csv"
    source.write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        pellucid.learn(source, time=3, out=folder / "rows.run", quiet=True)
    return Run(folder / "rows.run")


def unpacked(text: str) -> dict[str, bytes]:
    whole = gzip.decompress(base64.b64decode(text))
    return {name: array.tobytes() for name, array in load(whole).items()}


def told(files: dict[str, bytes], name: str) -> Any:
    return json.loads(files[name])


def test_looks_are_those_of_the_run(run: Run) -> None:
    text = carried(run, MOST_BYTES)
    assert text is not None
    files = unpacked(text)
    manifest, index = told(files, "manifest"), told(files, "looks")
    steps = [step for step, _, _ in index["recorded"]]
    assert steps[0] == run.recorded_steps[0]
    assert steps[-1] == run.recorded_steps[-1]
    assert manifest["carried"]["looks"] == [len(steps), len(run.recorded_steps)]
    examples = manifest["carried"]["examples"][0]
    assert len(manifest["probe"]["rows"]) == examples
    for step, chunk, row in (index["recorded"][0], index["recorded"][-1]):
        look = run.looks().at(step)
        assert read(files, chunk, row, "steps") == step
        for name, seen in look.activations.items():
            values = read(files, chunk, row, f"activation/{name}")
            if values is not None:
                np.testing.assert_array_equal(values, seen.value[:examples])
        for name, seen in look.parameters.items():
            np.testing.assert_array_equal(read(files, chunk, row, f"weight/{name}"), seen.value)


def read(files: dict[str, bytes], chunk: int, row: int, key: str) -> Any:
    """One tensor at one look, as the page computes it; None if it was left out."""
    arrays = load(files[f"looks/{chunk}"])
    if key not in arrays:
        return None
    scale = _exponent(files, chunk, row, key) if "/" in key else 0
    return np.ldexp(arrays[key][row].astype(np.float32), scale)


def _exponent(files: dict[str, bytes], chunk: int, row: int, key: str) -> int:
    arrays, raw = load(files[f"looks/{chunk}"]), files[f"looks/{chunk}"]
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    parts = [f"{p['group']}/{p['name']}" for p in json.loads(header["__metadata__"]["parts"])]
    return int(arrays["exponents"][row, parts.index(key)])


def test_steps_and_results_come_along(run: Run) -> None:
    files = unpacked(carried(run, MOST_BYTES) or "")
    assert files["steps"] == (run.path / "steps.bin").read_bytes()
    assert told(files, "results/summary")["score"] == run.summary["score"]
    assert told(files, "results/verdict")["sentence"] == run.verdict["sentence"]
    for step in told(files, "manifest")["weight_steps"]:
        kept = load(files[f"weights/{step}"])
        for name, value in run.weights(step).items():
            np.testing.assert_allclose(kept[name].astype(np.float32), value, rtol=1e-3, atol=1e-7)


def test_less_room_carries_less_and_too_little_nothing(run: Run) -> None:
    generous = carried(run, MOST_BYTES) or ""
    half = len(generous) // 2
    frugal = carried(run, half)
    assert frugal is not None
    assert len(frugal) <= half
    looks = [told(unpacked(text), "manifest")["carried"]["looks"][0] for text in (frugal, generous)]
    assert min(SHARES[-1].looks, looks[1]) <= looks[0] <= looks[1]
    assert carried(run, 1_000) is None


def test_the_page_may_run_its_own_script_only(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.js").write_text(CODE)
    (tmp_path / "report.css").write_text("main { color: red }")
    monkeypatch.setattr("pellucid.interfaces.report.watched.PAGE", tmp_path)
    page = write_report(run, tmp_path / "report.html").read_text("utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert scripts == ["console.log('<\\/script><\\!--')"]
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert f"script-src &#x27;sha256-{digest}&#x27;" in policy[1]
    assert "unsafe-inline" not in policy[1].split("script-src")[1]
    assert 'href="#/rows.run/prediction"' in page


def test_a_run_without_looks_has_the_written_report_only(run: Run, tmp_path: Path) -> None:
    numbers = "a,b\n" + "".join(f"{n},{n % 2}\n" for n in range(80))
    (tmp_path / "few.csv").write_text(numbers)
    plain = pellucid.learn(
        tmp_path / "few.csv", time=2, out=tmp_path / "few.run", record=False, quiet=True
    )
    assert carried(Run(plain.path), MOST_BYTES) is None
