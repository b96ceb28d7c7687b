"""Translation: pairs read and sealed, answers searched, judged, explained, and what is refused."""

from __future__ import annotations

import itertools
import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.baselines.translation import Nearest, copy
from pellucid.config import Plan, Settings, Size
from pellucid.data.columns import Entry
from pellucid.data.readers.pairs import read_aligned, read_catalogs
from pellucid.errors import ConfigError, DataError
from pellucid.learning.loop import endless
from pellucid.learning.text_metrics import bleu, chrf, chrf_of, words_of
from pellucid.network.encoder_decoder import ANSWER, SOURCE, EncoderDecoder
from pellucid.network.tap import watch
from pellucid.recipe import Watcher
from pellucid.recording.run import Run
from pellucid.tasks.generate import UNCOUNTED
from pellucid.tasks.translate import NextOfAnswer
from pellucid.uses import Source, asked, learn
from pellucid.uses.answerers import load_answerer
from pellucid.uses.translate.answerer import Translator
from pellucid.uses.translate.batches import PairDataset, equal_parts
from pellucid.uses.translate.beam import Written, answers, penalty
from pellucid.uses.translate.course import Translate
from pellucid.uses.translate.layout import read_pairs
from pellucid.uses.translate.sureness import chances, fit, same

NOUNS = {"cat": "Katze", "dog": "Hund", "house": "Haus", "tree": "Baum", "river": "Fluss"}
COLORS = {"red": "rot", "blue": "blau", "green": "gelb", "old": "alt"}
VERBS = {"sees": "sieht", "has": "hat", "wants": "will"}


def plan(steps: int, width: int = 32, depth: int = 1) -> Plan:
    """No planning, so no clock: the same on any machine."""
    return Plan(
        steps=steps,
        batch=32,
        evaluate_every=max(1, steps // 2),
        optimizer="muon",
        rate=0.02,
        flat=0.3,
        network={SOURCE: "encoder-decoder"},
        sizes={SOURCE: Size(width, depth)},
    )


def pairs() -> list[tuple[str, str]]:
    """Sentences of a small grammar; in the answer the color stands behind its noun."""
    found = []
    for one, color, verb, two in itertools.product(NOUNS, COLORS, VERBS, NOUNS):
        if one != two:
            source = f"The {color} {one} {verb} a {two}"
            found.append((source, f"{NOUNS[one]} {COLORS[color]} {VERBS[verb]} {NOUNS[two]}"))
    random.Random(0).shuffle(found)
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("en\tde\n" + "".join(f"{one}\t{two}\n" for one, two in pairs()), "utf-8")
    return path


@pytest.fixture(scope="module")
def told(table: Path) -> Run:
    return learn(str(table), Settings(), Watcher(), out=table.parent / "t.run", plan=plan(160))


# --- metrics --------------------------------------------------------------------------------------


def test_chrf_and_bleu_are_those_of_the_field() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    rng = random.Random(0)
    line = "der die das Bild öffnen, schließen. 1,5 Ebene-3 & Auswahl (neu) don't"
    words = line.split()
    for count in (1, 3, 40):
        said = [" ".join(rng.choices(words, k=rng.randint(0, 9))) for _ in range(count)]
        true = [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(count)]
        ones = np.ones((1, count))
        assert chrf(said, true)(ones)[0] == pytest.approx(sacrebleu.corpus_chrf(said, [true]).score)
        assert bleu(said, true)(ones)[0] == pytest.approx(sacrebleu.corpus_bleu(said, [true]).score)


def test_metrics_by_hand_and_under_weights() -> None:
    assert chrf_of("abc", "abc") == 100
    assert chrf_of("xyz", "abc") == 0
    # "ab" beside "ac": letters 1 of 2 right, pairs of letters none: (1/2 + 0) / 2 orders.
    assert chrf_of("ab", "ac") == pytest.approx(25)
    assert words_of("It's 1,50 (new).") == ["It's", "1,50", "(", "new", ")", "."]
    said, true = ["a b c d e", "x"], ["a b c d e", "a b c d"]
    assert bleu(said, true)(np.array([[1.0, 0.0]]))[0] == pytest.approx(100)
    twice = chrf([*said, said[0]], [*true, true[0]])(np.ones((1, 3)))
    np.testing.assert_allclose(chrf(said, true)(np.array([[2.0, 1.0]])), twice)


# --- the network ----------------------------------------------------------------------------------


@pytest.fixture
def model() -> EncoderDecoder:
    torch.manual_seed(0)
    found = EncoderDecoder(30, Size(32, 2), (8, 8)).eval()
    for parameter in found.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return found


def test_answers_see_all_of_the_source_but_only_what_they_said_before(
    model: EncoderDecoder,
) -> None:
    source, so_far = torch.randint(1, 30, (2, 6)), torch.randint(1, 30, (2, 5))
    whole = model({SOURCE: source, ANSWER: so_far})
    assert whole.shape == (2, 5, 30)
    later = so_far.clone()
    later[:, 3:] = later[:, 3:] % 29 + 1
    torch.testing.assert_close(model({SOURCE: source, ANSWER: later})[:, :3], whole[:, :3])
    other = source.clone()
    other[:, 5] = other[:, 5] % 29 + 1
    assert (model({SOURCE: other, ANSWER: so_far})[:, 0] - whole[:, 0]).abs().max() > 0.01
    padded = torch.cat([source, torch.zeros(2, 3, dtype=torch.int64)], 1)
    torch.testing.assert_close(model({SOURCE: padded, ANSWER: so_far}), whole)


def test_memory_watching_and_gradients(model: EncoderDecoder) -> None:
    source, so_far = torch.randint(1, 30, (2, 6)), torch.randint(1, 30, (2, 5))
    whole = model({SOURCE: source, ANSWER: so_far})
    read, memory = model.read(source), model.memory()
    for place in range(5):
        step = model.write(so_far[:, place : place + 1], read, source != 0, memory)
        torch.testing.assert_close(model.scores(step)[:, -1], whole[:, place])
    with watch() as seen:
        watched = model({SOURCE: source, ANSWER: so_far})
    torch.testing.assert_close(watched, whole)
    looked = seen["answer / block 2 / source / attention"]
    torch.testing.assert_close(looked.sum(-1), torch.ones(2, 1, 5))
    NextOfAnswer(30).loss(watched, so_far).mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    assert model.describe()["parameters"] == sum(p.numel() for p in model.parameters())


# --- beam search ----------------------------------------------------------------------------------


def likelihood(model: EncoderDecoder, source: list[int], answer: list[int]) -> float:
    """The log probability of start, answer, end."""
    said = torch.tensor([[1, *answer]])
    log = model({SOURCE: torch.tensor([source]), ANSWER: said})[0]
    log[:, :2] = float("-inf")  # padding and start are never said
    log = log.log_softmax(-1)
    return sum(log[place, one].item() for place, one in enumerate([*answer, 2]))


def test_a_wide_beam_finds_the_best_of_all_answers() -> None:
    torch.manual_seed(1)
    model = EncoderDecoder(6, Size(32, 1), (8, 3)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    for source in ([3, 4, 2], [5, 2]):
        (found,) = answers(model, [source], 1, 2, most=3, width=100)
        everything = [
            list(one) for length in range(3) for one in itertools.product((3, 4, 5), repeat=length)
        ]
        scores = {
            tuple(one): likelihood(model, source, one) / penalty(len(one) + 1) for one in everything
        }
        best = max(scores, key=lambda one: scores[one])
        assert tuple(found.tokens) == best
        assert found.score == pytest.approx(scores[best], rel=1e-4)


def test_greedy_takes_the_likeliest_and_company_changes_no_answer(model: EncoderDecoder) -> None:
    sources = [[4, 7, 2], [9, 2], [5, 6, 11, 12, 2]]
    together = answers(model, sources, 1, 2, most=6)
    for source, one in zip(sources, together, strict=True):
        assert answers(model, [source], 1, 2, most=6)[0].tokens == one.tokens
    (greedy,) = answers(model, [sources[0]], 1, 2, most=6, width=1)
    text = [1]
    for token in greedy.tokens:
        scores = model({SOURCE: torch.tensor([sources[0]]), ANSWER: torch.tensor([text])})[0, -1]
        scores[:2] = float("-inf")
        assert token == scores.argmax()
        text.append(token)


# --- sources --------------------------------------------------------------------------------------


def mo(entries: list[tuple[str, str]]) -> bytes:
    """A catalog as msgfmt compiles it."""
    sides = [[text.encode() for text in side] for side in zip(*sorted(entries))]
    at = 28 + 16 * len(entries)
    tables, body = b"", b""
    for side in sides:
        for text in side:
            tables += struct.pack("<2I", len(text), at + len(body))
            body += text + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(entries), 28, 28 + 8 * len(entries), 0, 0)
    return head + tables + body


def test_catalogs_are_read_compiled_and_written(tmp_path: Path) -> None:
    (tmp_path / "a.mo").write_bytes(
        mo([("", "Content-Type: x"), ("Open", "Öffnen"), ("menu\x04Close", "Schließen"),
            ("%d file\0%d files", "%d Datei\0%d Dateien")])
    )  # fmt: skip
    (tmp_path / "b.po").write_text(
        'msgid ""\nmsgstr "Language: de\\n"\n\n#: main.c\nmsgid "Save \\"it\\"\\n"\n'
        'msgstr ""\n"Speichern "\n"\\"es\\"\\n"\n\n#, fuzzy\nmsgid "Maybe"\nmsgstr "Vielleicht"\n\n'
        'msgid "Empty"\nmsgstr ""\n\n'
        'msgid "a file"\nmsgid_plural "files"\nmsgstr[0] "eine Datei"\n',
        "utf-8",
    )
    found = read_catalogs(tmp_path)
    assert dict(zip(found.sources, found.answers, strict=True)) == {
        "%d file": "%d Datei",
        "Close": "Schließen",
        "Open": "Öffnen",
        'Save "it"\n': 'Speichern "es"\n',
        "a file": "eine Datei",
    }
    assert [refused.why for refused in found.refused] == ["no answer"]
    (tmp_path / "c.mo").write_bytes(b"\xde\x12\x04\x95 nothing")
    with pytest.raises(DataError, match=r"c\.mo"):
        read_catalogs(tmp_path)


def test_aligned_files_are_read_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "train.de").write_text("Katze\n\nHund\n", "utf-8")
    (tmp_path / "train.en").write_text("cat\nbird\ndog\n", "utf-8")
    (tmp_path / "test.de").write_text("Baum\n", "utf-8")
    (tmp_path / "test.en").write_text("tree\n", "utf-8")
    found = read_aligned(tmp_path)
    assert found.names == ("en", "de")
    assert list(zip(found.sources, found.answers, found.part, strict=True)) == [
        ("cat", "Katze", "train"),
        ("dog", "Hund", "train"),
        ("tree", "Baum", "test"),
    ]
    (tmp_path / "test.en").write_text("tree\nhouse\n", "utf-8")
    with pytest.raises(DataError, match="lines") as caught:
        read_aligned(tmp_path)
    assert "align" in caught.value.fix


def recognized(source: Any, **settings: Any) -> str | None:
    found = asked(Source(source, Settings(**settings)))
    return None if found is None else found[0]


def frame(first: str, second: str, answers_: list[str] | None = None) -> dict[str, list[str]]:
    said = pairs()
    return {first: [one for one, _ in said], second: answers_ or [two for _, two in said]}


def test_pairs_are_taken_by_their_names_alone(table: Path) -> None:
    assert recognized(str(table)) == "translate"
    assert recognized(frame("english", "german")) == "translate"
    assert recognized(frame("Englisch", "Deutsch")) == "translate"
    assert recognized(frame("question", "answer")) == "translate"
    assert recognized(frame("title", "comment")) is None
    assert recognized(frame("title", "comment"), task="translate") == "translate"
    few = ["yes", "no"] * (len(pairs()) // 2)
    assert recognized(frame("question", "answer", few)) is None  # answers that are classes
    assert recognized({**frame("en", "de"), "year": list(range(len(pairs())))}) is None
    assert recognized(str(table), target="de") is None
    assert recognized({"a": list(range(40)), "b": list(range(40))}) is None


def test_pairs_of_sentences_need_no_header(tmp_path: Path, told: Run) -> None:
    path = tmp_path / "tatoeba.tsv"
    lines = [f"{one}.\t{two}!" for one, two in pairs()]
    path.write_text("\n".join(lines), "utf-8")
    assert recognized(str(path)) == "translate"
    found = read_pairs(Source(str(path), Settings()))
    assert found.names == ("source", "target")
    assert len(found) == len(lines)
    assert (found.sources[0], found.answers[0]) == (f"{pairs()[0][0]}.", f"{pairs()[0][1]}!")
    assert found.places[:2] == ["tatoeba.tsv line 1", "tatoeba.tsv line 2"]
    assert any("no header" in note for note in found.notes)
    # The same when such a file is to be answered.
    few = tmp_path / "few.tsv"
    few.write_text("\n".join(lines[:3]), "utf-8")
    answerer = load_answerer(told.path)
    assert isinstance(answerer, Translator)
    assert answerer.texts_of(str(few)) == [f"{one}." for one, _ in pairs()[:3]]
    # Names of columns that happen to be long are names.
    named = tmp_path / "named.tsv"
    named.write_text("\n".join(["what it says\twhat it means", *lines]), "utf-8")
    assert recognized(str(named)) is None
    with pytest.raises(DataError, match="no column says") as caught:
        learn(str(named), Settings(), Watcher(), out=tmp_path / "n.run")
    assert "--task translate" in caught.value.fix


def test_sources_of_the_exam_are_never_learned_from(tmp_path: Path) -> None:
    rows = [f"Save the picture number {n} as {w}" for n, w in enumerate(["one file"] * 60)]
    text = "source\ttarget\n" + "".join(
        f"{row}\tDas Bild Nummer {n}\n" for n, row in enumerate(rows)
    )
    text += "".join(f"{one}\t{two}\n" for one, two in pairs())
    path = tmp_path / "p.tsv"
    path.write_text(text)
    course = Translate(Source(str(path), Settings()), Settings(), Watcher())
    split = course.examples.ledger.split[:60]
    assert len({part for part in split if part}) == 1  # they differ by a number only
    rest = tmp_path / "test.tsv"
    rest.write_text("source\ttarget\n" + "".join(f"{a.upper()}!\t{b}\n" for a, b in pairs()[:40]))
    given = Source(str(path), Settings(), str(rest))
    course = Translate(given, Settings(), Watcher())
    learned = {course.pairs.sources[row].casefold() for row in course.examples.ledger.rows("train")}
    assert not learned & {one.casefold() for one, _ in pairs()[:40]}
    assert len(course.examples.test) == 40


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ({"source": ["a b"] * 5, "target": ["c d"] * 5}, "too few"),
        ({"x": [1.0, 2.0] * 30, "target": ["c d"] * 60}, "pairs need two"),
        ({"a": ["x y"] * 60, "b": ["c d"] * 60, "c": ["e f"] * 60}, "3 columns of text"),
    ],
)
def test_tables_without_pairs(tmp_path: Path, rows: dict[str, Any], what: str) -> None:
    with pytest.raises((DataError, ConfigError)) as caught:
        learn(rows, Settings(task="translate"), Watcher(), out=tmp_path / "r")
    assert what in caught.value.what
    assert caught.value.fix


# --- without a network, and how sure --------------------------------------------------------------


def test_sources_that_differ_in_numbers_only_leave_nothing_for_an_exam(tmp_path: Path) -> None:
    path = tmp_path / "alike.tsv"
    path.write_text("en\tde\n" + "".join(f"Page {n} of all\tSeite {n}\n" for n in range(60)))
    with pytest.raises(DataError, match="nearly all the same"):
        Translate(Source(str(path), Settings()), Settings(), Watcher())


def test_the_nearest_source_answers() -> None:
    nearest = Nearest(["open file", "close window", "a cat"], ["öffnen", "schließen", "Katze"])
    assert nearest.answer(["open files", "the window", "cats"]) == ["öffnen", "schließen", "Katze"]
    assert copy(["x"]) == ["x"]


def test_sureness_is_what_validation_says() -> None:
    rng = np.random.default_rng(0)
    written = [Written([5, 6], float(likely), 0.0) for likely in -rng.exponential(3, 400)]
    true = 1 / (1 + np.exp(-(2 + np.array([one.likely for one in written]))))
    right = rng.random(400) < true
    curve = fit(written, right)
    assert curve is not None
    said = chances(written, curve)
    assert abs(said.mean() - right.mean()) < 0.01
    assert np.abs(said - true).mean() < 0.08
    assert fit(written[:20], np.zeros(20, bool)) is None
    assert same("a  b\n", "a b")


# --- batches --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uneven() -> PairDataset:
    """200 pairs of 1 to 40 tokens on each side; each token says whose it is."""
    rng = np.random.default_rng(0)
    sources = rng.integers(1, 41, 200)
    answers = np.clip(sources + rng.integers(-3, 4, 200), 1, 40)  # as long as what they answer
    widths = np.stack([sources, answers], 1)
    inputs = {}
    for side, name in enumerate((SOURCE, ANSWER)):
        table = np.zeros((200, 40), np.int64)
        for row, width in enumerate(widths[:, side]):
            table[row, :width] = row + 1
        inputs[name] = torch.from_numpy(table)
    entries = {name: Entry("lookup", (40,), 201, name) for name in (SOURCE, ANSWER)}
    target = torch.where(inputs[ANSWER] > 0, inputs[ANSWER], UNCOUNTED)
    return PairDataset(entries, inputs, target, widths.sum(1))


def test_batches_hold_each_pair_once_and_little_padding(uneven: PairDataset) -> None:
    rows = torch.arange(200)
    batches = uneven.shuffled(rows, 16, torch.Generator().manual_seed(0))
    assert len(batches) == 200 // 16
    assert torch.cat(list(batches)).sort().values.equal(rows)
    tokens = np.array([uneven.lengths[batch.numpy()].sum() for batch in batches])
    assert tokens.min() > 0.8 * tokens.mean()
    assert tokens.max() < 1.2 * tokens.mean()
    taken = [uneven.take(batch) for batch in batches]
    computed = sum(one.inputs[SOURCE].numel() + one.inputs[ANSWER].numel() for one in taken)
    at_random = [uneven.take(batch) for batch in rows.split(16)]
    drawn = sum(one.inputs[SOURCE].numel() + one.inputs[ANSWER].numel() for one in at_random)
    assert computed < 0.7 * drawn
    other = uneven.shuffled(rows, 16, torch.Generator().manual_seed(1))
    assert not all(one.equal(two) for one, two in zip(batches, other, strict=True))


def test_a_batch_is_cut_behind_its_longest_texts_only(uneven: PairDataset) -> None:
    for rows in torch.arange(200).split(7):
        batch = uneven.take(rows)
        for name in (SOURCE, ANSWER):
            assert (batch.inputs[name] > 0).sum() == (uneven.inputs[name][rows] > 0).sum()
            assert (batch.inputs[name] > 0).any(0).all()
        assert batch.target.shape == batch.inputs[ANSWER].shape


def test_batches_go_on_where_they_stopped(uneven: PairDataset) -> None:
    """A resumed run sees what an uninterrupted one sees, over the end of an epoch too."""
    rows = torch.arange(200)
    whole = list(itertools.islice(endless(uneven, rows, 32, seed=3), 20))
    for start in (1, 6, 13):
        later = itertools.islice(endless(uneven, rows, 32, seed=3, start=start), 5)
        for one, two in zip(later, whole[start:], strict=False):
            assert one.rows.equal(two.rows)


@pytest.mark.parametrize("parts", [1, 2, 7, 12])
def test_no_part_is_empty_however_uneven(parts: int) -> None:
    lengths = np.array([1] * 11 + [500])
    ends = equal_parts(lengths, parts)
    assert len(ends) == parts
    assert ends[-1] == 12
    assert (np.diff(ends, prepend=0) > 0).all()


# --- from end to end ------------------------------------------------------------------------------


def test_it_learns_to_translate(told: Run) -> None:
    verdict = told.verdict
    scores = {one["name"]: one["score"] for one in [verdict["network"], *verdict["baselines"]]}
    assert told.summary["metric"] == "chrF"
    assert scores["network"] > 90
    assert scores["network"] > scores["nearest neighbor"] > scores["copy"]
    assert told.info["findings"] == ["translation", "answers", "alignment", "sureness"]
    found = told.finding("translation")
    assert found["figures"]["chrF"]["network"] == pytest.approx(told.summary["score"])
    matrix = told.finding("alignment")["pictures"][0]["drawings"]["alignment"]["data"]
    assert len(matrix["values"]) == len(matrix["rows"])
    assert len(matrix["values"][0]) == len(matrix["columns"])
    ledger = told.info["rows"]
    assert sum(ledger.values()) == len(pairs())


def test_chrf_is_told_while_it_learns(told: Run) -> None:
    """At each evaluation, of answers to validation sources; watching draws no random number."""
    seen = told.steps["valid_metric"]
    half, end = seen[~np.isnan(seen)]
    assert 0 < half <= end
    assert end == pytest.approx(told.verdict["network"]["valid_score"], abs=5)


def test_a_saved_translator_answers_the_same_from_every_kind_of_source(
    told: Run, tmp_path: Path
) -> None:
    model = load_answerer(told.path)
    assert isinstance(model, Translator)
    source, wanted = pairs()[0]
    (line,) = model.predict(source)
    assert line["row"] == 0
    assert line["answer"] == wanted
    head = json.loads((told.path / "model" / "bundle.json").read_text())
    again = Translator.load(told.path / "model", head)
    assert again.predict([source]) == [line] == again.predict({"en": source})
    (tmp_path / "new.txt").write_text(f"{source}\n\n{source}\n")
    lines = again.predict(str(tmp_path / "new.txt"))
    assert [one.get("answer") for one in lines] == [wanted, None, wanted]
    assert lines[1]["error"]["what"] == "there is no text"
    (tmp_path / "new.csv").write_text(f"en\n{source}\n")
    assert again.predict(str(tmp_path / "new.csv"))[0]["answer"] == wanted
    (near,) = again.predict(["The red cat sees a dog"], "baseline")
    assert near["answer"] in {answer for _, answer in pairs()}


def test_explanation_names_words_that_matter(told: Run) -> None:
    found = load_answerer(told.path).explain("The red cat sees a dog")
    assert found.figures["faithful"]
    named = [
        found.figures["source"][place] for place in np.argsort(-np.array(found.figures["worth"]))
    ]
    assert named.index(" a") > 2  # "a" says nothing here
    assert {picture.title for picture in found.pictures} == {
        "The source, marked",
        "Where it looked",
    }
    with pytest.raises(ConfigError, match="row 4"):
        load_answerer(told.path).explain("a text", row=4)


def test_watching_and_other_sealed_pairs_change_no_weight(table: Path, tmp_path: Path) -> None:
    """Unrecorded equals recorded, and nothing is fitted on what is sealed."""
    models = []
    for number, record in enumerate((True, False)):
        sealed = tmp_path / f"{number}.tsv"
        rows = [f"Word {word * 3} {number}\tAnders {word}\n" for word in "abcdefghijklmno"]
        sealed.write_text("en\tde\n" + "".join(rows))
        run = learn(
            str(table), Settings(record=record), Watcher(), test=str(sealed),
            out=tmp_path / f"{number}.run", plan=plan(6),
        )  # fmt: skip
        models.append(load_answerer(run.path))
    first, second = models
    assert first.tokens == second.tokens  # type: ignore[attr-defined]
    for one, two in zip(first.network().parameters(), second.network().parameters(), strict=True):
        assert torch.equal(one, two)
