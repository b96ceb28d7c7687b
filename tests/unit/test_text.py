"""Texts become tokens and nothing is lost on the way."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from pellucid.data.columns import Loaded
from pellucid.data.modalities.text import LONGEST, Text, _tokenizer, tokens_of

TEXT = Text()
LINES = [f"The quick brown fox number {n} jumps over the lazy dog." for n in range(60)]


def loaded(*values: str | None) -> Loaded:
    boxed = np.empty(len(values), dtype=object)
    boxed[:] = values
    return Loaded(boxed)


def test_shape_padding_and_size() -> None:
    fitted = TEXT.fit(loaded(*LINES))
    ids = TEXT.encode(loaded("The fox.", None, ""), fitted)
    entry = TEXT.entry("t", fitted)
    assert ids.shape == (3, fitted["length"]) == (3, *entry.positions)
    assert ids.dtype == np.int32
    assert fitted["length"] % 8 == 0
    assert 0 < np.count_nonzero(ids[0]) < fitted["length"]
    assert not ids[1:].any()
    assert 0 < ids.max() < entry.size


@pytest.mark.parametrize(
    "text", ["日本語のテキスト", "naïve café", "🙂🙃", "\x00\x7f", "<pad> <unk>"]
)
def test_nothing_is_unknown(text: str) -> None:
    fitted = TEXT.fit(loaded(*(4 * line for line in LINES)))
    row = TEXT.encode(loaded(text), fitted)[0]
    back = _tokenizer(fitted["tokenizer"]).decode([int(n) - 1 for n in row if n > 0])
    assert back.strip() == text


def test_long_texts_keep_head_and_tail() -> None:
    words = [f"w{n:05d}" for n in range(5000)]
    fitted = TEXT.fit(loaded(*[" ".join(words)] * 3))
    assert fitted["length"] == LONGEST
    pieces = "".join(tokens_of(TEXT.encode(loaded(" ".join(words)), fitted)[0], fitted))
    assert "w00000" in pieces
    assert "w04999" in pieces
    assert "w02500" not in pieces


def test_same_rows_same_tokens() -> None:
    assert TEXT.fit(loaded(*LINES)) == TEXT.fit(loaded(*LINES))


def test_fitted_is_plain_json() -> None:
    fitted = TEXT.fit(loaded(*LINES))
    again = json.loads(json.dumps(fitted))
    np.testing.assert_array_equal(
        TEXT.encode(loaded(*LINES[:3]), fitted), TEXT.encode(loaded(*LINES[:3]), again)
    )


def test_lower_case_by_rule() -> None:
    assert "in lower case" in TEXT.fit(loaded(*LINES))["why"]
    formulas = [f"CC(=O)Nc{n}ccO" for n in range(50)]
    assert "no spaces" in TEXT.fit(loaded(*formulas))["why"]
    loud = ["PLEASE CALL ME BACK SOON"] * 20
    assert "capitals kept: 100%" in TEXT.fit(loaded(*loud))["why"]


def test_an_empty_column_still_encodes() -> None:
    fitted = TEXT.fit(loaded(None, ""))
    assert TEXT.encode(loaded("hello", None), fitted).shape == (2, 8)


def test_keys_join_near_duplicates_only() -> None:
    keys = TEXT.keys(
        loaded(
            "Dear Sir,  please call 0123456 today!",
            "dear sir please CALL 0654321 today",
            "dear sir please call 12 today",
            "hello",
            None,
        )
    )
    assert keys[0] == keys[1] is not None
    assert keys[2] not in (None, keys[0])
    assert keys[3:] == [None, None]


def test_tokens_are_readable() -> None:
    fitted = TEXT.fit(loaded(*LINES))
    row = TEXT.encode(loaded("the fox"), fitted)[0]
    assert "".join(tokens_of(row, fitted)) == " the fox"


def test_thousands_of_texts_are_fast() -> None:
    rng = np.random.default_rng(0)
    words = np.array([f"{n:x}" for n in range(3000)])
    many = loaded(*(" ".join(rng.choice(words, 80)) for _ in range(2000)))
    start = time.perf_counter()
    TEXT.encode(many, TEXT.fit(many))
    assert time.perf_counter() - start < 10
