"""Language models: what is read, sealed, learned, said and explained, and what is refused."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.baselines.language import Ngrams, best_order, histories_of, packed_bits
from pellucid.config import Plan, Settings, Size
from pellucid.data.ledger import Ledger
from pellucid.data.near_texts import near_clusters
from pellucid.data.readers.texts import TEXT_ROLE, Document, Turn, read_corpus
from pellucid.errors import ConfigError, DataError
from pellucid.interfaces.cli import main
from pellucid.learning.text_metrics import bits_per_character
from pellucid.network.decoder import GROUP, Decoder
from pellucid.network.tap import watch
from pellucid.recipe import Watcher
from pellucid.recording.run import Run
from pellucid.tasks.generate import UNCOUNTED, NextToken
from pellucid.uses import Source, asked, learn
from pellucid.uses.answerers import load_answerer
from pellucid.uses.generate.answerer import LanguageModel
from pellucid.uses.generate.copies import longest_copy
from pellucid.uses.generate.documents import in_sections, seal, windows
from pellucid.uses.generate.sampling import LOOP, Manner, drawn, spoken
from pellucid.uses.generate.surprise import surprises_of
from pellucid.uses.generate.tokens import Tokens, visible

CPU = torch.device("cpu")
WORDS = ("house", "tree", "river", "cat", "lamp", "winter", "bread", "sky", "road", "song")


def plan(steps: int, width: int = 32, depth: int = 1) -> Plan:
    """No planning, so no clock: the same on any machine."""
    return Plan(
        steps=steps,
        batch=8,
        evaluate_every=max(1, steps // 2),
        optimizer="muon",
        rate=0.02,
        network={GROUP: "decoder"},
        sizes={GROUP: Size(width, depth)},
    )


def story(seed: int, sentences: int = 12) -> str:
    """Sentences of one plan, in which the last words follow from the first ones."""
    rng = random.Random(seed)
    said = []
    for _ in range(sentences):
        animal, color = rng.choice(["cat", "dog", "bird"]), rng.choice(["red", "blue", "green"])
        does = rng.choice(["sleeps", "eats", "sings"])
        said.append(f"The {color} {animal} {does} here because the {animal} is {color}.")
        if rng.random() < 0.5:
            said.append(
                rng.choice(["It rains.", "So it goes, day after day.", "Nobody knows why."])
            )
    return " ".join(said)


def words(rng: random.Random) -> str:
    """Sentences of words that nobody has heard."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join("".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(40))


@pytest.fixture(scope="module")
def tale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tale")
    path = folder / "tale.txt"
    path.write_text("\n\n".join(story(seed) for seed in range(40)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def told(tale: Path) -> Run:
    """A model of the tale, with looks at its inside."""
    return learn(str(tale), Settings(), Watcher(), out=tale.parent / "tale.run", plan=plan(80))


# --- what is asked of the network -----------------------------------------------------------------


def test_loss_is_the_mean_surprise_of_the_counted_places() -> None:
    torch.manual_seed(0)
    output = torch.randn(2, 3, 5)
    target = torch.tensor([[1, UNCOUNTED, 4], [0, 2, UNCOUNTED]])
    log = output.double().numpy() - np.log(np.exp(output.double().numpy()).sum(-1, keepdims=True))
    by_hand = [-(log[0, 0, 1] + log[0, 2, 4]) / 2, -(log[1, 0, 0] + log[1, 1, 2]) / 2]
    task = NextToken(5)
    np.testing.assert_allclose(task.loss(output, target).numpy(), by_hand, rtol=1e-5)
    kept = task.kept(output, target)
    np.testing.assert_allclose(kept[:, 0].numpy(), [2 * one for one in by_hand], rtol=1e-5)
    assert kept[:, 1].tolist() == [2, 2]
    nothing = torch.full((1, 3), UNCOUNTED)
    assert task.loss(output[:1], nothing).item() == 0


def test_bits_per_character_of_a_corpus() -> None:
    measure = bits_per_character(np.log([4.0, 16.0]), np.array([1, 2]))
    assert measure(np.array([[1.0, 1.0], [1.0, 0.0]])).tolist() == pytest.approx([2.0, 2.0])


# --- the network ----------------------------------------------------------------------------------


@pytest.fixture
def decoder() -> Decoder:
    torch.manual_seed(0)
    model = Decoder(40, Size(32, 2), 16, pairs=64).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def test_no_place_sees_a_later_one(decoder: Decoder) -> None:
    tokens = torch.randint(0, 40, (2, 9))
    other = tokens.clone()
    other[:, 6:] = (other[:, 6:] + 1) % 40
    before, after = decoder({GROUP: tokens}), decoder({GROUP: other})
    assert before.shape == (2, 9, 40)
    torch.testing.assert_close(before[:, :6], after[:, :6], rtol=0, atol=0)
    assert (before[:, 6:] - after[:, 6:]).abs().max() > 0.1


def test_memory_gives_what_the_whole_text_gives(decoder: Decoder) -> None:
    tokens = torch.randint(0, 40, (2, 9))
    whole = decoder({GROUP: tokens})
    memory = decoder.memory()
    torch.testing.assert_close(decoder.next_scores(tokens[:, :4], memory), whole[:, 3])
    torch.testing.assert_close(decoder.next_scores(tokens[:, 4:7], memory), whole[:, 6])
    torch.testing.assert_close(decoder.next_scores(tokens[:, 7:8], memory), whole[:, 7])
    assert memory.seen == 8


def test_watching_changes_nothing_and_gradients_reach_everything(decoder: Decoder) -> None:
    tokens = torch.randint(0, 40, (2, 9))
    with watch() as seen:
        watched = decoder({GROUP: tokens})
    torch.testing.assert_close(watched, decoder({GROUP: tokens}))
    attention = seen["block 2 / attention"]
    assert attention.shape == (2, 1, 9, 9)
    assert attention.triu(1).abs().max() == 0
    NextToken(40).loss(watched, tokens).mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in decoder.parameters())
    assert decoder.describe()["parameters"] == sum(p.numel() for p in decoder.parameters())


# --- counting and compressing ---------------------------------------------------------------------


def test_what_can_not_be_seen_is_shown_as_a_sign() -> None:
    assert visible("a\n\tb\r\n") == "a⏎⇥b⏎"
    assert visible(" word") == " word"


def test_kneser_ney_agrees_with_counting_by_hand() -> None:
    rng = np.random.default_rng(0)
    text = bytes(rng.choice(np.frombuffer(b"abc", np.uint8), 400, p=[0.6, 0.3, 0.1]))
    model = Ngrams.fit([text], 2)
    grams: dict[Any, int] = {}
    for one, two in zip(b"\0" + text, text):
        grams[one, two] = grams.get((one, two), 0) + 1
    before = {byte: len({a for a, b in grams if b == byte}) for byte in b"abc"}

    def discounted(counts: dict[Any, int], key: Any, context: list[Any], lower: float) -> float:
        """Chen & Goodman, equations 23 to 26."""
        once, twice, three, four = (sum(v == n for v in counts.values()) or 1 for n in (1, 2, 3, 4))
        share = once / (once + 2 * twice)
        free = [1 - 2 * share * twice / once, 2 - 3 * share * three / twice]
        free += [3 - 4 * share * four / three]
        cut = [0.0, *(min(max(d, 0.1), n - 0.1) for n, d in enumerate(free, start=1))]
        total = sum(counts[one] for one in context)
        kept = sum(cut[min(counts[one], 3)] for one in context) / total
        count = counts.get(key, 0)
        return max(count - cut[min(count, 3)], 0) / total + kept * lower

    for first, second in (b"ab", b"bb", b"cc"):
        lower = discounted(before, second, list(before), 1 / 256)
        known = [pair for pair in grams if pair[0] == first]
        wanted = discounted(grams, (first, second), known, lower)
        asked_for = histories_of([bytes([first, second])])[-1:]
        assert model.probabilities(asked_for)[0] == pytest.approx(wanted, rel=1e-12)


def test_probabilities_of_all_bytes_add_up_even_behind_what_never_occurred(tmp_path: Path) -> None:
    texts = [story(seed).encode() for seed in range(3)]
    model = Ngrams.fit(texts, 6)
    for context in (b"", b"The", b"The red c", b"zqxj"):
        each = np.array([histories_of([context + bytes([byte])])[-1] for byte in range(256)])
        assert model.probabilities(each).sum() == pytest.approx(1)
    model.save(tmp_path / "counts.safetensors")
    again = Ngrams.load(tmp_path / "counts.safetensors")
    np.testing.assert_array_equal(again.surprises(texts[0]), model.surprises(texts[0]))


def test_longer_contexts_help_and_the_best_length_is_chosen_by_validation() -> None:
    train, valid = [[story(seed).encode() for seed in seeds] for seeds in (range(6), range(6, 8))]
    best, tried = best_order(train, valid, seconds=60)
    assert tried[best.order] == min(tried.values())
    letters = Ngrams.fit(train, 1)
    assert best.surprises(valid[0]).mean() < 0.3 * letters.surprises(valid[0]).mean()


def test_what_was_said_before_packs_into_nearly_nothing() -> None:
    text = story(0, 60).encode()
    assert packed_bits(text, text) < 0.1 * 8 * len(text)
    noise = np.random.default_rng(0).bytes(500)
    assert packed_bits(text, noise) > 0.9 * 8 * len(noise)


# --- texts, tokens, windows -----------------------------------------------------------------------


def test_texts_come_back_from_their_tokens_and_signs_can_not_be_typed() -> None:
    tokens = Tokens.learn([story(0)], 300)
    text = "The <|end|> of é, 漢 and 🙂\n\n twice  "
    ids = tokens.of(text)
    assert tokens.said(ids) == text
    assert max(ids) < tokens.end
    assert Tokens.from_json(json.loads(json.dumps(tokens.as_json()))) == tokens
    assert tokens.pieces([tokens.end]) == ["<end>"]


def test_of_a_dialogue_only_the_answers_are_asked() -> None:
    tokens = Tokens.learn([story(0)], 300)
    turns = (Turn("system", "Be kind."), Turn("user", "A cat?"), Turn("assistant", "It eats."))
    ((ids, counted),) = tokens.streams([Document("x", turns)])
    assert tokens.said(ids[counted]) == "It eats."
    assert ids[counted][-1] == tokens.end
    assert tokens.prompt(turns[:2])[-1] == tokens.signs["assistant"][0]
    ((plain, all_counted),) = tokens.streams([Document("y", (Turn(TEXT_ROLE, "Hi there"),))])
    assert plain[0] == tokens.end
    assert all_counted.all()


def test_windows_ask_every_token_once() -> None:
    streams = [
        (np.arange(1, 8, dtype=np.int32), np.ones(7, bool)),
        (np.array([20, 21, 22], np.int32), np.array([False, False, True])),
    ]
    inputs, following, begins = windows(streams, 4, 99)
    assert inputs.tolist() == [[1, 2, 3, 4], [5, 6, 7, 20], [21, 22, 99, 99]]
    u = UNCOUNTED
    assert following.tolist() == [[2, 3, 4, 5], [6, 7, u, u], [22, u, u, u]]
    assert begins.tolist() == [0, 0, 1]


def test_a_long_text_is_cut_at_paragraphs_and_nothing_is_lost(tale: Path) -> None:
    documents, why = in_sections(read_corpus(str(tale)))
    assert "cut into" in why
    assert "".join(document.text for document in documents) == tale.read_text()
    assert all(document.text.endswith(("\n\n", ". ")) for document in documents[:-1])
    assert [document.begins for document in documents].count(True) == 1


def test_copies_stay_on_one_side_of_the_seal() -> None:
    rng = random.Random(0)
    texts = [words(rng) for _ in range(80)]
    texts += [f"Oh! {text.upper()}" for text in texts[:30]]
    documents = [Document(f"{n}", (Turn(TEXT_ROLE, text),)) for n, text in enumerate(texts)]
    ledger = Ledger([document.place for document in documents])
    said = seal(documents, ledger, seed=0)
    ledger.check()
    assert ledger.counts()["test"] > 0
    for row in range(30):
        assert ledger.split[row] == ledger.split[80 + row]
    assert "copies stay on one side" in said[-1]


def test_near_copies_are_found_and_others_are_not() -> None:
    clusters = near_clusters(
        ["Open _File…", "open file", "Close file", story(1), story(1) + " So."]
    )
    assert clusters[0] == clusters[1]
    assert clusters[3] == clusters[4]
    assert len(set(clusters.tolist())) == 3


def test_surprise_counts_each_token_of_a_long_text_once(decoder: Decoder) -> None:
    ids = np.random.default_rng(0).integers(0, 40, 50).astype(np.int32)
    short, long = surprises_of(decoder, [ids[:10], ids], 16, CPU)
    scores = decoder({GROUP: torch.from_numpy(ids[None, :10].astype(np.int64))})[0].log_softmax(-1)
    wanted = [-scores[place, ids[place + 1]].item() for place in range(9)]
    np.testing.assert_allclose(short, [0, *wanted], rtol=1e-4)
    assert (long[1:] > 0).all()
    np.testing.assert_allclose(long[:10], short, rtol=1e-4)
    window = decoder({GROUP: torch.from_numpy(ids[None, 24:40].astype(np.int64))})[0].log_softmax(
        -1
    )
    assert long[36] == pytest.approx(-window[11, ids[36]].item(), rel=1e-4)  # 12 tokens before it


# --- recognition ----------------------------------------------------------------------------------


def recognized(path: Path, **settings: Any) -> str | None:
    found = asked(Source(str(path), Settings(**settings)))
    return None if found is None else found[0]


def test_texts_and_dialogues_are_taken_by_themselves(tale: Path, tmp_path: Path) -> None:
    prose = tmp_path / "prose.txt"
    words = "It was late, and nobody came. The house stood still; a dog barked far away\n"
    prose.write_text("".join(words[n % 40 :] + words[: n % 30] + "\n" for n in range(80)))
    assert recognized(prose) == "generate"
    folder = tmp_path / "stories"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.txt").write_text(story(number))
    assert recognized(folder) == "generate"
    for name, row in (
        ("messages", {"messages": [{"role": "user", "content": "a"}]}),
        ("asked", {"prompt": "a", "response": "b"}),
        ("plain", {"text": "something long"}),
    ):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join([json.dumps(row)] * 20))
        assert recognized(path) == "generate"


def test_tables_and_classes_are_left_to_the_main_job(tmp_path: Path) -> None:
    table = tmp_path / "table.txt"
    table.write_text("name\tage\tsays\n" + "Ann\t3\tthe dog is here again today\n" * 80)
    assert recognized(table) is None
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("".join(f"{n} {n * 2} {n * 3} {n * 5}\n" for n in range(400)))
    assert recognized(numbers) is None
    classes = tmp_path / "classes"
    for label in ("good", "bad"):
        (classes / label).mkdir(parents=True)
        for number in range(5):
            (classes / label / f"{number}.txt").write_text(story(number))
    assert recognized(classes) is None
    rows = tmp_path / "rows.jsonl"
    rows.write_text("\n".join(json.dumps({"text": f"a {n}", "label": "x"}) for n in range(20)))
    assert recognized(rows) is None
    assert recognized(tmp_path / "nothing.txt") is None
    prose = tmp_path / "tale.jsonl"
    prose.write_text("\n".join([json.dumps({"prompt": "a", "response": "b"})] * 9))
    assert recognized(prose, target="response") is None


# --- bad input ------------------------------------------------------------------------------------


def test_a_table_of_prompts_and_answers_holds_dialogues(tmp_path: Path) -> None:
    path = tmp_path / "asked.csv"
    rows = [f'"What is {word}?","It is, I think, a kind of {word}."' for word in WORDS]
    path.write_text("Prompt,Answer\n" + "\n".join(rows) + "\nand nothing,\n", "utf-8")
    assert asked(Source(str(path), Settings())) == (
        "generate",
        "two columns and nothing else, 'Prompt' and 'Answer'",
    )
    corpus = read_corpus(path)
    assert [turn.role for turn in corpus.documents[0].turns] == ["user", "assistant"]
    assert corpus.documents[0].turns[1].text == f"It is, I think, a kind of {WORDS[0]}."
    assert corpus.documents[1].place == "asked.csv line 3"
    assert [one.place for one in corpus.refused] == [f"asked.csv line {len(WORDS) + 2}"]
    classes = tmp_path / "classes.csv"
    lines = [f"is {word} long?,{'yes' if len(word) > 4 else 'no'}" for word in WORDS]
    classes.write_text("prompt,answer\n" + "\n".join(lines) + "\n")
    assert asked(Source(str(classes), Settings())) is None


def test_what_is_no_dialogue_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    lines = [
        json.dumps({"messages": [{"role": "user", "content": "Hi"},
                                 {"role": "assistant", "content": "Hello"}]}),
        '{"messages": [{"role": "user", "content": "Hi"}]}',
        '{"messages": [{"role": "crowd", "content": "Hi"}]}',
        "no json at all",
        '{"prompt": "only a question"}',
        '{"conversations": [{"from": "human", "value": "A"}, {"from": "gpt", "value": "B"}]}',
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    corpus = read_corpus(str(path))
    assert [document.place for document in corpus.documents] == [
        "chat.jsonl line 1",
        "chat.jsonl line 6",
    ]
    reasons = {refused.place: refused.why for refused in corpus.refused}
    assert "nobody answers" in reasons["chat.jsonl line 2"]
    assert "'crowd'" in reasons["chat.jsonl line 3"]
    assert "no JSON" in reasons["chat.jsonl line 4"]
    assert "'response'" in reasons["chat.jsonl line 5"]


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "holds no text"), (bytes(range(256)) * 9, "holds no text"), (b"Too little.", "too few")],
)
def test_texts_that_can_not_be_learned_from(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        learn(str(path), Settings(task="generate"), Watcher(), out=tmp_path / "bad.run")
    assert what in caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize("wrong", [{"tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"seed": -2}])
def test_manners_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="can't be"):
        Manner(**wrong)


# --- going on with a text -------------------------------------------------------------------------


def test_temperature_zero_always_takes_the_likeliest(decoder: Decoder) -> None:
    ids = list(drawn(decoder, [1, 2, 3], -1, Manner(tokens=5, temperature=0), CPU))
    text = [1, 2, 3]
    for one in ids:
        scores = decoder({GROUP: torch.tensor([text])})[0, -1]
        assert one == scores.argmax()
        text.append(one)


def test_draws_follow_the_seed_and_stay_among_the_likeliest(decoder: Decoder) -> None:
    manner = Manner(tokens=12, temperature=1.0, top_p=0.2, seed=3)
    ids = list(drawn(decoder, [1, 2], -1, manner, CPU))
    assert ids == list(drawn(decoder, [1, 2], -1, manner, CPU))
    assert ids != list(drawn(decoder, [1, 2], -1, Manner(tokens=12, seed=4), CPU))
    text = [1, 2]
    for one in ids:
        chances = decoder({GROUP: torch.tensor([text])})[0, -1].softmax(0)
        assert chances[chances > chances[one]].sum() < 0.2
        text.append(one)


class Stuck:
    """Always finds token 3 likeliest, then 4."""

    context = 16

    def memory(self) -> Any:
        return Decoder(5, Size(32, 1), 16).memory()

    def next_scores(self, tokens: torch.Tensor, memory: Any) -> torch.Tensor:
        assert tokens.shape[1] + memory.seen <= self.context
        memory.seen += tokens.shape[1]
        return torch.tensor([[0.0, 0.0, 0.0, 5.0, 4.0]])


def test_a_run_of_tokens_is_said_once_however_likely_and_contexts_begin_anew() -> None:
    ids = list(drawn(Stuck(), [1], -1, Manner(tokens=40, temperature=0), CPU))
    assert len(ids) == 40
    runs = [tuple(ids[n : n + LOOP]) for n in range(len(ids) - LOOP + 1)]
    assert len(set(runs)) == len(runs)


def test_answers_come_in_whole_letters_and_end_before_stop_words() -> None:
    tokens = Tokens.learn(["a"], 260)
    ids = tokens.of("né 🙂 STO STOP more")
    pieces = list(spoken(tokens, iter(ids), ["STOP"]))
    assert "".join(pieces) == "né 🙂 STO "
    assert all("\ufffd" not in piece for piece in pieces)
    assert "".join(spoken(tokens, iter(ids))) == "né 🙂 STO STOP more"


def test_longest_copy_is_the_longest() -> None:
    text, others = "abcdefgh", ["xabcx", "cdefg", "h"]
    brute = max(
        (text[i:j] for i in range(8) for j in range(i, 9) if any(text[i:j] in o for o in others)),
        key=len,
    )
    assert longest_copy(text, others) == brute == "cdefg"
    assert longest_copy("qq", others) == ""


# --- from end to end ------------------------------------------------------------------------------


def test_it_learns_and_says_how_good_it_is(told: Run) -> None:
    summary, verdict = told.summary, told.verdict
    scores = {one["name"]: one["score"] for one in [verdict["network"], *verdict["baselines"]]}
    assert summary["metric"] == "bits per character"
    assert summary["score"] < 0.6 * scores["letter frequencies"]
    assert {"xz -9", "letter frequencies"} < set(scores)
    assert told.info["use"] == "generate"
    assert told.info["findings"] == ["language", "samples", "surprise", "memorized"]
    language = told.finding("language")
    assert "can't answer general questions" in language["sentence"]
    assert language["figures"]["network"] == pytest.approx(summary["score"])
    assert (
        sum(told.info["rows"].values()) == len(told.info["rows"]) or told.info["rows"]["test"] > 0
    )


def test_predict_says_bits_for_texts_and_goes_on_with_prompts(told: Run, tale: Path) -> None:
    model = load_answerer(told.path)
    (line,) = model.predict(str(tale))
    assert line["row"] == 0
    assert 0 < line["bits_per_character"] < 4
    (strange,) = model.predict(["zqx jjk wvv " * 20])
    assert strange["bits_per_character"] > 2 * line["bits_per_character"]
    (counted,) = model.predict(str(tale), "baseline")
    assert counted["bits_per_character"] < line["bits_per_character"]
    (answer,) = model.predict({"prompt": "The red cat"})
    assert set(answer) == {"row", "answer"}
    assert model.predict("prompt=The red cat") == [answer]
    assert [one["source"] for one in model.predict([str(tale), str(tale)])] == ["tale.txt"] * 2
    with pytest.raises(DataError, match="no file"):
        model.predict("gone.txt")
    assert "bits per character" in model.readable(line)


def test_a_saved_model_says_the_same(told: Run, tmp_path: Path) -> None:
    model = load_answerer(told.path)
    head = json.loads((told.path / "model" / "bundle.json").read_text())
    again = LanguageModel.load(told.path / "model", head)
    assert again.predict(["The red cat sleeps."]) == model.predict(["The red cat sleeps."])
    assert isinstance(model, LanguageModel)
    manner = Manner(tokens=20, seed=5)
    assert list(again.answer("The", manner)) == list(model.answer("The", manner))


def test_explanation_names_tokens_that_matter(told: Run) -> None:
    found = load_answerer(told.path).explain(["The red cat sleeps here because the"])
    assert found.figures["faithful"]
    drops = found.figures["deletion"]
    assert np.mean(drops["leaving out"]) > np.mean(drops["at random"])
    assert len(found.figures["worth"]) == len(found.figures["tokens"])
    assert {"left out in turn", "attention of the last block"} == set(found.pictures[0].drawings)
    with pytest.raises(ConfigError, match="no row 3"):
        load_answerer(told.path).explain(["a text"], row=3)


def test_watching_and_other_sealed_texts_change_no_weight(tale: Path, tmp_path: Path) -> None:
    """Unrecorded equals recorded, and nothing is fitted on what is sealed."""
    models = []
    for number, record in enumerate((True, False)):
        sealed = tmp_path / f"sealed{number}.txt"
        sealed.write_text(" ".join(f"Quite other words, {number} and {n}." for n in range(100)))
        run = learn(
            str(tale), Settings(task="generate", record=record), Watcher(), test=str(sealed),
            out=tmp_path / f"{number}.run", plan=plan(6),
        )  # fmt: skip
        models.append(load_answerer(run.path))
    first, second = models
    assert first.tokens == second.tokens  # type: ignore[attr-defined]
    for one, two in zip(first.network().parameters(), second.network().parameters(), strict=True):
        assert torch.equal(one, two)


def test_dialogues_are_learned_and_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    colors = {"cat": "red", "dog": "blue", "bird": "green", "fish": "white"}
    rows = []
    for number in range(240):
        animal = list(colors)[number % 4]
        please = ["", " Please say.", " Tell me.", f" I have {number}."][number % 7 % 4]
        rows.append({"messages": [
            {"role": "user", "content": f"Which color has the {animal}?{please}"},
            {"role": "assistant", "content": f"The {animal} is {colors[animal]}."},
        ]})  # fmt: skip
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    run = learn(str(path), Settings(record=False), Watcher(), out=tmp_path / "c.run", plan=plan(90))
    assert "only what the assistant says" in " ".join(run.info["notes"])
    model = load_answerer(run.path)
    assert isinstance(model, LanguageModel)
    said = "".join(model.answer("Which color has the dog?", Manner(tokens=20, temperature=0)))
    assert said == "The dog is blue."
    asking = {"messages": [{"role": "user", "content": "Which color has the cat?"}]}
    assert model.predict([asking])[0]["answer"].startswith("The ")

    folder = str(run.path)
    options = ["--tokens", "20", "--temperature", "0"]
    assert main(["chat", folder, "--prompt", "Which color has the dog?", *options]) == 0
    assert capsys.readouterr().out == "The dog is blue.\n"
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("Which color has the dog?\n\n/new\nAnd the cat?\n")
    )
    assert main(["chat", folder, "--json", *options]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["prompt"] for line in lines] == ["Which color has the dog?", "And the cat?"]
    assert lines[0]["answer"] == "The dog is blue."
    assert main(["chat", str(tmp_path), "--prompt", "Hi"]) == 2
    assert "there is no model here" in capsys.readouterr().err
    # Bytes that are no text are answered like any other, and say what they were.
    latin = io.TextIOWrapper(
        io.BytesIO(b"Which color has the dog\xff?\n"), "utf-8", "surrogateescape"
    )
    monkeypatch.setattr("sys.stdin", latin)
    assert main(["chat", folder, *options]) == 0
    assert capsys.readouterr().out.strip()
