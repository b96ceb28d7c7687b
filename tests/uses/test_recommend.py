"""Recommendation: recognition, losses, networks, classical methods, the job, answers, reasons."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.baselines.lists import ease, used_together, weighted_factors
from pellucid.baselines.ratings import ItemNeighbors, LeastSquares, Means
from pellucid.config import Settings, Size
from pellucid.data.columns import RawColumn, RawTable
from pellucid.errors import ConfigError, DataError
from pellucid.examples import EXAMPLES
from pellucid.interfaces.cli import main
from pellucid.network.factors import Factors
from pellucid.network.sequential import NextItem
from pellucid.network.tap import watch
from pellucid.recipe import Watcher
from pellucid.recording.run import Run
from pellucid.tasks.recommend import NextItems
from pellucid.uses import asked, learn
from pellucid.uses.answerers import load_answerer
from pellucid.uses.recommend.answerer import Recommender
from pellucid.uses.recommend.course import Recommend
from pellucid.uses.recommend.lists import moments_of, quality, top_of
from pellucid.uses.recommend.log import Log, make_log, read_log
from pellucid.uses.recommend.roles import Roles, looks_like_events, understand
from pellucid.uses.use import Source

USERS, ITEMS = 40, 24


def events(seed: int = 0) -> list[tuple[str, str, int, int]]:
    """Two kinds of people and of things; people walk through the things of their kind in order."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(USERS):
        kind = user % 2
        here = int(rng.integers(ITEMS // 2))
        for step in range(14):
            own = rng.random() < 0.9
            item = 2 * ((here + step) % (ITEMS // 2)) + (kind if own else 1 - kind)
            rating = int(np.clip(round((4.5 if own else 1.5) + 0.4 * rng.normal()), 1, 5))
            rows.append((f"u{user}", f"i{item}", rating, 10 * step + user % 7))
    return rows


def write(folder: Path, rows: list[tuple[str, str, int, int]], rated: bool = True) -> Path:
    path = folder / "log.csv"
    header = "user_id,item_id,rating,timestamp" if rated else "user_id,item_id,timestamp"
    lines = [f"{u},{i},{r},{t}" if rated else f"{u},{i},{t}" for u, i, r, t in rows]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("rated")
    source = write(folder, events())
    (folder / "items.csv").write_text(
        "item_id,title,kind\n"
        + "".join(f"i{n},Thing {n},{'even' if n % 2 == 0 else 'odd'}\n" for n in range(ITEMS))
    )
    (folder / "ratings.csv").write_text(source.read_text())
    source.unlink()
    return learn(folder, Settings(effort="quick", seed=1), Watcher(), out=folder / "a.run")


@pytest.fixture(scope="module")
def clicked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("clicked")
    source = write(folder, events(), rated=False)
    return learn(source, Settings(effort="quick"), Watcher(), out=folder / "b.run")


# --- recognition ------------------------------------------------------------------------------


def table(**columns: Sequence[object]) -> RawTable:
    made = {}
    for name, cells in columns.items():
        numbers = all(isinstance(cell, int | float) for cell in cells)
        kept = np.array(cells, dtype=float if numbers else object)
        made[name] = RawColumn(name, kept)
    return RawTable("t", made, [f"t line {row}" for row in range(len(kept))])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("userId", "movieId", "rating", "timestamp"), "movieId"),
        (("customer", "product_id", "stars", "date"), "product_id"),
        (("User-ID", "ISBN", "Book-Rating", "when"), "ISBN"),
        (("member_no", "track", "score", "ts"), "track"),
    ],
)
def test_columns_are_known_by_their_names(names: tuple[str, ...], expected: str) -> None:
    rows = events()
    columns = dict(zip(names, ([row[place] for row in rows] for place in range(4)), strict=True))
    roles = understand(table(**columns), Settings())
    assert isinstance(roles, Roles)
    assert (roles.user, roles.item) == (names[0], expected)
    assert roles.time is not None


def renamed(*names: str) -> RawTable:
    """The toy log with other names of its columns."""
    rows = events()
    cells = ([row[place] for row in rows] for place in range(4))
    return table(**dict(zip(names, cells, strict=True)))


@pytest.mark.parametrize(
    "names",
    [
        ("leser", "buch", "sterne", "zeit"),
        ("Kundennummer", "Artikel-Nr", "Bewertung", "Zeitstempel"),
        ("utilisateur", "produit", "note", "heure"),
        ("usuario", "película", "calificación", "fecha"),
        ("User-ID", "ISBN", "Book-Rating", "ts"),
    ],
)
def test_names_of_common_languages_are_known(names: tuple[str, ...]) -> None:
    made = renamed(*names)
    roles = understand(made, Settings())
    assert isinstance(roles, Roles)
    assert (roles.user, roles.item, roles.rating, roles.time) == names
    assert looks_like_events(made, roles)


def test_columns_are_what_the_user_says(tmp_path: Path) -> None:
    said = {"a": "user", "b": "item", "c": "rating", "d": "time"}
    made = renamed("a", "b", "c", "d")
    roles = understand(made, Settings(kinds=said))
    assert isinstance(roles, Roles)
    assert (roles.user, roles.item, roles.rating, roles.time) == ("a", "b", "c", "d")
    only = understand(made, Settings(kinds={"a": "user", "b": "item", "c": "ignore"}))
    assert isinstance(only, Roles)
    assert only.rating is None
    lines = [f"{u},{i},{r},{t}" for u, i, r, t in events()]
    path = tmp_path / "odd.csv"
    path.write_text("\n".join(["a,b,c,d", *lines]))
    assert asked(Source(path, Settings())) is None
    found = asked(Source(path, Settings(kinds=said)))
    assert found is not None
    assert found[0] == "recommend"
    assert read_log(Source(path, Settings()), Settings(kinds=said)).roles.rating == "c"
    with pytest.raises(ConfigError, match="and left out too"):
        understand(made, Settings(kinds=said, ignore=("d",)))
    with pytest.raises(ConfigError) as wrong:
        understand(made, Settings(kinds={"a": "usr"}))
    assert wrong.value.fix == "did you mean 'user'?"
    with pytest.raises(ConfigError, match="two columns are named as the item"):
        understand(made, Settings(kinds={"a": "item", "b": "item"}))
    with pytest.raises(ConfigError, match="holds no numbers"):
        understand(made, Settings(kinds={"a": "user", "b": "rating"}))
    with pytest.raises(ConfigError, match="no column 'z'"):
        understand(made, Settings(kinds={"z": "user"}))


def test_asked_for_it_knows_columns_by_their_shape() -> None:
    made = renamed("p", "q", "r", "s")
    genre = np.array(
        [f"g{int(name[1:]) % 3}" for name in made.columns["q"].values.tolist()], dtype=object
    )
    made.columns["genre"] = RawColumn("genre", genre)
    assert isinstance(understand(made, Settings()), str), "by itself it takes only what is named"
    roles = understand(made, Settings(task="recommend"), by_shape=True)
    assert isinstance(roles, Roles)
    assert (roles.user, roles.item, roles.rating) == ("p", "q", "r")
    assert "of the pairs are new" in roles.why
    titled = [f"The {name} of all" for name in made.columns["p"].values.tolist()]
    made.columns["p"] = RawColumn("p", np.array(titled, dtype=object))
    turned = understand(made, Settings(task="recommend"), by_shape=True)
    assert isinstance(turned, Roles)
    assert (turned.user, turned.item) == ("q", "p"), "titles of several words are things"
    bought = np.where(np.arange(len(made)) % 3 == 0, 2.0, 1.0)
    bought[::20] = 5.0
    made.columns["r"] = RawColumn("r", bought)
    counted = understand(made, Settings(task="recommend"), by_shape=True)
    assert isinstance(counted, Roles)
    assert counted.rating is None, "how many were bought is no rating"


def test_odd_cells_lose_only_their_rows(tmp_path: Path) -> None:
    rows = [[u, i, f"{r},0", f"{1 + t % 28:02d}.03.20{10 + t // 28}"] for u, i, r, t in events()]
    rows[3][2], rows[4][2], rows[5][3], rows[6][0] = "", "gut", "32.13.2024", ""
    path = tmp_path / "ausleihen.csv"
    path.write_text(
        "leser;buch;sterne;ausgeliehen am\n" + "\n".join(";".join(row) for row in rows) + "\n"
    )
    settings = Settings(task="recommend")
    log = read_log(Source(path, settings), settings)
    assert log.roles.rating == "sterne"
    assert log.roles.time == "ausgeliehen am"
    why = dict(log.ledger.set_aside_items())
    assert why["ausleihen.csv line 5"] == "no rating in 'sterne'"
    assert why["ausleihen.csv line 6"] in ("no number in 'sterne'", "no rating in 'sterne'")
    assert why["ausleihen.csv line 7"] == "no time in 'ausgeliehen am'"
    assert why["ausleihen.csv line 8"] == "no value in 'leser'"
    assert log.time.min() >= np.datetime64("2010-03-01", "us").astype(np.int64)
    assert any("--target buch" in note for note in log.notes)


def test_a_folder_of_tables_is_read_by_what_fits(tmp_path: Path) -> None:
    lines = [f"{u},{i},{r}" for u, i, r, _ in events()]
    (tmp_path / "verleih.csv").write_text("\n".join(["leser,nr,sterne", *lines]))
    (tmp_path / "katalog.csv").write_text(
        "signatur,titel,genre\n"
        + "".join(f'i{n},"Band {n}, der Roman",{"ab"[n % 2]}\n' for n in range(ITEMS))
    )
    settings = Settings(kinds={"nr": "item"})
    log = read_log(Source(tmp_path, settings), settings)
    assert log.titles[log.items.index("i3")] == "Band 3, der Roman"
    assert log.of_items.names == ["genre: a", "genre: b"]
    assert "'katalog.csv' describes 100% of 'nr'" in log.notes[1]
    with pytest.raises(ConfigError, match="no second source"):
        read_log(Source(tmp_path, settings, tmp_path / "katalog.csv"), settings)


TABLES = [name for name, one in EXAMPLES.items() if one.modality in ("table", "mixed")]


@pytest.mark.parametrize("name", TABLES)
def test_ordinary_tables_are_left_to_the_main_job(name: str, tmp_path: Path) -> None:
    assert Recommend.recognize(Source(EXAMPLES[name].make(tmp_path), Settings())) is None


def test_a_log_is_taken_by_itself_and_ordinary_tables_are_not(tmp_path: Path) -> None:
    path = write(tmp_path, events())
    found = asked(Source(path, Settings()))
    assert found is not None
    assert found[0] == "recommend"
    assert asked(Source(path, Settings(target="rating"))) is None
    houses = tmp_path / "houses.csv"
    houses.write_text(
        "item,price,rating\n" + "".join(f"i{n},{n * 7 % 90},{n % 5}\n" for n in range(300))
    )
    once = tmp_path / "survey.csv"
    once.write_text(
        "user,product,rating,age\n"
        + "".join(f"u{n},p{n % 3},{n % 5},{n % 70}\n" for n in range(300))
    )
    for ordinary in (houses, once):
        assert asked(Source(ordinary, Settings())) is None


def test_research_layouts_are_read_with_what_is_known_of_items_and_users(tmp_path: Path) -> None:
    rows = events()
    (tmp_path / "u.data").write_text(
        "".join(f"{u[1:]}\t{i[1:]}\t{r}\t{t}\n" for u, i, r, t in rows)
    )
    flags = "|".join(["0"] * 17)
    (tmp_path / "u.item").write_bytes(
        "".join(
            f"{n}|Fílm {n}|01-Jan-1995|||{n % 2}|{1 - n % 2}|{flags}\n" for n in range(ITEMS)
        ).encode("latin-1")
    )
    log = read_log(Source(tmp_path, Settings()), Settings())
    assert log.titles[3] == "Fílm 3"
    assert {"unknown", "Action"} <= set(log.of_items.names)
    assert len(log.users) == USERS
    recbole = tmp_path / "r"
    recbole.mkdir()
    (recbole / "r.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        + "".join(f"{u}\t{i}\t{r}\t{t}\n" for u, i, r, t in rows)
        + "broken line\n"
    )
    (recbole / "r.item").write_text(
        "item_id:token\tclass:token_seq\n" + "".join(f"i{n}\tA{n % 2} B\n" for n in range(ITEMS))
    )
    log = read_log(Source(recbole, Settings()), Settings())
    assert log.of_items.names == ["class: A0", "class: A1", "class: B"]
    assert [item.place for item in log.ledger.refused] == ["r.inter line 562"]
    log.ledger.check()


# --- fates and parts --------------------------------------------------------------------------


def small_log(rows: list[tuple[str, str, int, int]], seed: int = 0) -> Log:
    columns = dict(
        zip(
            ("user", "item", "rating", "time"),
            ([row[place] for row in rows] for place in range(4)),
            strict=True,
        )
    )
    made = table(**columns)
    roles = understand(made, Settings())
    assert isinstance(roles, Roles)
    return make_log(made, roles, None, None, seed)


def test_every_row_has_a_fate_and_the_future_is_the_exam() -> None:
    rows = [*events(), ("u0", "i0", 1, 500), ("u0", "i0", 5, 501)]
    log = small_log(rows)
    log.ledger.check()
    counts = log.ledger.counts()
    assert sum(counts.values()) == len(rows)
    assert counts["set_aside"] >= 1, "who rated twice meant the later rating"
    assert log.time[log.part == 0].max() < log.time[log.part == 1].min()
    assert log.time[log.part == 1].max() < log.time[log.part == 2].min()
    for event in range(len(log)):
        start, end = log.starts[log.user[event]], log.before[event]
        assert (log.time[start:end] < log.time[event]).all()
        assert (log.user[start:end] == log.user[event]).all()


def test_moments_know_nothing_later_and_hold_only_new_known_items() -> None:
    log = small_log(events())
    known = set(log.item[log.part == 0].tolist())
    for part in (1, 2):
        moments = moments_of(log, part)
        assert len(moments)
        for user, history, truth, end in zip(
            moments.user, moments.histories, moments.truths, moments.ends, strict=True
        ):
            assert not set(truth.tolist()) & set(history.tolist())
            assert set(truth.tolist()) <= known
            assert log.time[log.starts[user] : end].max() < log.time[end]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (events()[:10], "too few"),
        ([(u, "i1", r, t) for u, _, r, t in events()], "too few"),
    ],
)
def test_too_little_is_said(rows: list[tuple[str, str, int, int]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        small_log(rows)


def test_bad_input_says_what_where_and_how_to_mend_it(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{n},{n % 3}\n" for n in range(50)))
    with pytest.raises(DataError) as caught:
        read_log(Source(path, Settings()), Settings())
    assert "no column is named like a user" in caught.value.what
    assert caught.value.fix.startswith(
        "say which columns they are, such as --as a=user --as b=item"
    )
    source = write(tmp_path, events())
    with pytest.raises(ConfigError) as wrong:
        read_log(Source(source, Settings(target="timestamp")), Settings(target="timestamp"))
    assert "'item_id' (what comes next?)" in wrong.value.fix


# --- metrics, losses, networks ----------------------------------------------------------------


def test_quality_of_a_list_by_hand() -> None:
    discount = 1 / np.log2(np.arange(2, 12))
    ndcg, recall = quality(np.array([7, 1, 9]), np.array([1, 9, 4]))
    assert ndcg == pytest.approx((discount[1] + discount[2]) / discount[:3].sum())
    assert recall == pytest.approx(2 / 3)
    assert quality(np.arange(10), np.arange(10)) == pytest.approx((1.0, 1.0))
    assert top_of(np.array([0.1, 0.9, 0.5, 0.7]), np.array([1]), 2).tolist() == [3, 2]


def test_next_items_loss_is_the_mean_over_later_items_of_asked_places() -> None:
    task = NextItems(items=4, window=2, most=4)
    output = torch.randn(1, 3, 4)
    target = torch.tensor([[2, -1, 0, 1]])  # the second place is not asked
    log = output.log_softmax(-1)[0]
    by_hand = -(log[0, 2] + (log[2, 0] + log[2, 1]) / 2) / 2
    assert torch.allclose(task.loss(output, target), by_hand.reshape(1))
    best = output[0, 2].argsort(descending=True)
    assert task.kept(output, target)[0].tolist() == best.tolist()


def awake(network: NextItem) -> NextItem:
    """Blocks begin as the identity; these do something."""
    with torch.no_grad():
        for name, weight in network.blocks.named_parameters():
            if "gather" in name or "contract" in name:
                weight.normal_()
    return network


def next_network() -> NextItem:
    torch.manual_seed(0)
    return NextItem(Size(16, 2), torch.randn(6, 3), torch.zeros(6), torch.randn(6, 4))


def test_no_place_sees_what_comes_later() -> None:
    network = awake(next_network()).eval()
    history = torch.tensor([[1, 2, 3, 4, 5]])
    changed = torch.tensor([[1, 2, 3, 6, 0]])
    before, after = network({"history": history}), network({"history": changed})
    assert torch.allclose(before[:, :3], after[:, :3], atol=1e-5)
    assert not torch.allclose(before[:, 3], after[:, 3], atol=1e-3)
    with watch() as seen:
        watched = network({"history": history})
    assert torch.allclose(watched, before, atol=1e-5)
    attention = seen["block 1 / attention"]
    assert torch.equal(attention, attention.tril())


def factors_network(items: int = 5) -> Factors:
    torch.manual_seed(0)
    log_items = torch.tensor([0, 1, 2, 3, 0, 4])
    ratings = torch.tensor([1.0, -0.4, 0.5, 0.2, -0.5, 1.5])
    seen = torch.tensor([True, True, True, True, False])
    return Factors(
        Size(8, 1), torch.randn(items, 2), torch.randn(2, 1), log_items, ratings, seen, 3,
        torch.zeros(items), torch.randn(items, 4),
    )  # fmt: skip


def test_a_rating_is_answered_from_earlier_ones_only_and_never_from_itself() -> None:
    network = factors_network().eval()
    pair = torch.tensor([[2, 0, 0, 2]])  # item 2, user 0, after two events
    whole = network({"pair": pair})
    network.log_ratings[2:] = 9.0  # itself and later ones
    assert torch.equal(network({"pair": pair}), whole)
    later = torch.tensor([[2, 0, 0, 4]])
    network.log_items[2], before = 2, network({"pair": later})
    network.log_ratings[2] = -9.0  # the same item's own rating is no evidence
    assert torch.equal(network({"pair": later}), before)
    network.log_ratings[0] = 9.0
    assert not torch.equal(network({"pair": pair}), whole)
    every = network.rate_all(
        torch.tensor([0]), torch.tensor([[0, 1]]), torch.tensor([[9.0, -0.4]]),
        torch.ones(1, 2, dtype=torch.bool),
    )  # fmt: skip
    assert every.shape == (1, 5)
    assert torch.allclose(every[0, 2], network({"pair": pair})[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["factors", "next"])
def test_gradients_reach_every_weight(kind: str) -> None:
    if kind == "next":
        network: NextItem | Factors = awake(next_network())
        inputs = {"history": torch.tensor([[1, 2, 3]])}
    else:
        network = factors_network()
        with torch.no_grad():
            network.item_features.weight.normal_()
        inputs = {"pair": torch.tensor([[2, 0, 0, 2]])}
    network(inputs).square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
    assert network.describe()["parameters"] == sum(p.numel() for p in network.parameters())


# --- classical methods ------------------------------------------------------------------------


def test_ease_is_the_constrained_least_squares_solution() -> None:
    rng = np.random.default_rng(0)
    x = (rng.random((30, 6)) < 0.4).astype(float)
    user, item = np.nonzero(x)
    together, used = used_together(user, item, 30, 6)
    assert np.allclose(together, x.T @ x)
    method = ease(together, used, 6, penalty=2.0)
    weights = np.zeros((6, 6))
    for past in range(6):
        weights[past, method.other[past]] += method.weight[past]
    for target in range(6):  # each column is a ridge regression without the item itself
        others = [one for one in range(6) if one != target]
        a = x[:, others]
        ridge = np.linalg.solve(a.T @ a + 2.0 * np.eye(5), a.T @ x[:, target])
        assert np.allclose(weights[others, target], ridge, atol=1e-5)
        assert weights[target, target] == 0
    history = np.array([0, 3])
    assert np.allclose(method.score(history), weights[0] + weights[3])
    assert np.allclose(method.parts(history, np.array([2]))[:, 0], [weights[0, 2], weights[3, 2]])


def test_ials_is_the_weighted_least_squares_solution_of_each_user() -> None:
    rng = np.random.default_rng(0)
    user, item = np.nonzero(rng.random((40, 7)) < 0.4)
    (method, *_) = weighted_factors(user, item, 40, 7, seconds=5.0)
    past, width = np.array([1, 4]), method.vectors.shape[1]
    wanted, weight = np.zeros(7), np.full(7, method.doubt)
    # What was used counts 1 with goal 1, and as everything else `doubt` with goal 0.
    wanted[past], weight[past] = 1 / (1 + method.doubt), 1 + method.doubt
    ridge = method.penalty * (len(past) + method.doubt * 7) * np.eye(width)
    v = method.vectors
    taste = np.linalg.solve(v.T @ (weight[:, None] * v) + ridge, v.T @ (weight * wanted))
    assert np.allclose(method.score(past), v @ taste)
    without = method.score(np.array([4]))
    assert np.allclose(
        method.parts(past, np.array([2, 5]))[0], (method.score(past) - without)[[2, 5]]
    )


def test_both_together_are_the_sum_of_their_parts(clicked: Run) -> None:
    answerer = load_answerer(clicked.path)
    assert isinstance(answerer, Recommender)
    answerer.list_by, answerer.mix = "both", (0.8, 3.0)
    history, ratings = answerer.memory.history(3)
    mine, other = (answerer.scores(by, 3, history, ratings) for by in ("network", "baseline"))
    whole = answerer.scores("both", 3, history, ratings)
    assert np.allclose(whole, 0.8 * mine + 3.0 * other)
    few = np.arange(4)
    effects = answerer.effects("both", 3, history, ratings, few)
    parts = [answerer.effects(by, 3, history, ratings, few) for by in ("network", "baseline")]
    assert np.allclose(effects, 0.8 * parts[0] + 3.0 * parts[1])
    made = answerer.recommend("u3", top=3)
    assert made["by"].startswith("network and ")
    assert answerer.predict({"user_id": ["u3"]})[0]["answer"][:3] == [
        one["item"] for one in made["items"]
    ]


def test_methods_for_ratings_find_tastes() -> None:
    log = small_log(events())
    assert log.rating is not None
    learn_from = log.events(0)
    user, item, rating = log.user[learn_from], log.item[learn_from], log.rating[learn_from]
    means = Means.fit(item, rating, len(log.items))
    by_hand = rating[item == 3].sum() - means.center * (item == 3).sum()
    assert means.item_bias[3] == pytest.approx(by_hand / ((item == 3).sum() + 10))
    neighbors = ItemNeighbors.fit(means, user, item, rating, len(log.users))
    squares = LeastSquares.fit(means, user, item, rating, len(log.users), 5.0)
    even, odd = (log.items.index(f"i{n}") for n in (6, 7))
    history = np.array([[log.items.index(f"i{n}") for n in (0, 2, 4, 1, 3)]])
    ratings, there = np.array([[5.0, 4.0, 5.0, 1.0, 2.0]]), np.ones((1, 5), dtype=bool)
    for method in (neighbors, squares):
        liked = method.rate(np.array([even]), history, ratings, there)[0]
        disliked = method.rate(np.array([odd]), history, ratings, there)[0]
        assert liked > disliked + 0.1
    together = neighbors.alike.astype(float)
    vectors = neighbors.vectors(len(log.items)).astype(float)
    positive = np.linalg.eigvalsh(together) > 0
    assert positive.any()
    assert np.abs(vectors @ vectors.T - together).mean() < np.abs(together).mean()


# --- the whole job ----------------------------------------------------------------------------


def test_ratings_are_learned_and_say_how_good_they_are(rated: Run) -> None:
    assert rated.status == "done"
    assert rated.info["use"] == "recommend"
    verdict = rated.verdict
    scores = {one["name"]: one["score"] for one in verdict["baselines"]}
    assert set(scores) == {"user and item means", "item neighbors", "matrix factorization"}
    assert verdict["network"]["score"] < scores["user and item means"] - 0.05
    found = {part: rated.finding(part) for part in rated.info["findings"]}
    assert set(found) == {"ratings", "lists", "because", "items"}
    assert found["because"]["figures"]["share"] > 0.6
    assert 0.5 < found["ratings"]["figures"]["interval coverage"] <= 1
    points = found["items"]["pictures"][0]["drawings"]["map"]["data"]
    assert set(points["groups"]) == {"even", "odd"}
    assert found["items"]["figures"]["same group as nearest"] > 0.6


def test_ratings_are_answered_with_intervals_and_notes(rated: Run) -> None:
    answerer = load_answerer(rated.path)
    assert isinstance(answerer, Recommender)
    asked_for = {"user_id": ["u0", "u1", "nobody", "u0"], "item_id": ["i2", "i2", "i2", "new"]}
    lines = answerer.predict(asked_for)
    assert [line["row"] for line in lines] == [0, 1, 2, 3]
    for line in lines:
        assert 1 <= line["low"] <= line["answer"] <= line["high"] <= 5
    assert lines[0]["answer"] > lines[1]["answer"] + 0.3, "even users like even things"
    assert "not known" in lines[2]["note"]
    assert "no rating to learn from" in lines[3]["note"]
    assert answerer.predict({"user_id": [None], "item_id": ["i1"]})[0]["error"]["code"] == "data"
    with pytest.raises(DataError, match="'item_id'"):
        answerer.predict({"user_id": ["u0"], "thing": ["i2"]})
    assert "[" in answerer.readable(lines[0])
    baseline = answerer.predict(asked_for, "baseline")
    assert baseline[0]["answer"] != lines[0]["answer"]


def test_a_saved_model_answers_the_same(rated: Run, clicked: Run) -> None:
    for run in (rated, clicked):
        first = load_answerer(run.path)
        folder = run.path.parent / "again"
        folder.mkdir(exist_ok=True)
        head = first.save(folder)
        second = Recommender.load(folder, json.loads(json.dumps(head)))
        asked_for = {"user_id": ["u3", "u8"], "item_id": ["i2", "i5"]}
        for model in ("network", "baseline"):
            assert first.predict(asked_for, model) == second.predict(asked_for, model)


def test_what_comes_next_is_learned(clicked: Run) -> None:
    assert clicked.info["task"]["metric"] == "NDCG@10"
    verdict = clicked.verdict
    popularity = next(one for one in verdict["baselines"] if one["name"] == "popularity")
    assert verdict["network"]["score"] > popularity["score"] + 0.1
    answerer = load_answerer(clicked.path)
    lines = answerer.predict({"user_id": ["u3", "u4"]})
    assert len(lines[0]["answer"]) == 10
    placed = answerer.predict({"user_id": ["u3"], "item_id": [lines[0]["answer"][0]]})
    assert placed[0]["answer"] == 1


def test_recommend_on_the_command_line(
    rated: Run, clicked: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in (rated, clicked):
        assert main(["recommend", str(run.path), "--user", "u2", "--top", "4", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["user"] == "u2"
        assert len(found["items"]) == 4
        assert {"item", "score", "why"} <= set(found["items"][0])
        answerer = load_answerer(run.path)
        assert isinstance(answerer, Recommender)
        had = answerer.memory.history(answerer.memory.users.index("u2"))[0]
        named = {answerer.memory.items.index(item["item"]) for item in found["items"]}
        assert not named & set(had.tolist())
    assert main(["predict", str(rated.path), "user_id=u2", "item_id=i3", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert set(line) >= {"row", "answer", "low", "high"}
    assert main(["explain", str(rated.path), "user_id=u2", "item_id=i3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["part"] == "explanation"
    assert main(["recommend", str(rated.path), "--user", "u2"]) == 0
    assert "Thing" in capsys.readouterr().out
    assert main(["recommend", str(rated.path), "--user", "u02", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert "there is no user 'u02'" in error["what"]
    assert error["fix"].startswith("did you mean 'u2'? Or for somebody new"), error["fix"]


def test_somebody_new_says_what_is_liked(
    rated: Run, clicked: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in (rated, clicked):
        words = ["recommend", str(run.path), "--liked", "i2", "i4", "--top", "5", "--json"]
        assert main(words) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["user"] is None
        items = [item["item"] for item in found["items"]]
        assert len(items) == 5
        assert not {"i2", "i4"} & set(items)
        answerer = load_answerer(run.path)
        assert isinstance(answerer, Recommender)
        # By the classical method it is what its own formula says.
        assert answerer.lister is not None
        past = np.array([answerer.memory.items.index(name) for name in ("i2", "i4")])
        order = np.argsort(-answerer.lister.score(past), kind="stable")
        wanted = [answerer.memory.items[one] for one in order.tolist() if one not in past][:5]
        told = answerer.recommend_to(["i2", "i4", "i2"], 5, "baseline")["items"]
        assert [item["item"] for item in told] == wanted
    assert main(["recommend", str(rated.path), "--liked", "Thing 2"]) == 0
    assert "for somebody new, by" in capsys.readouterr().out
    assert main(["recommend", str(rated.path), "--liked", "i222", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert "there is no item 'i222'" in error["what"]
    assert error["where"] == "--liked"


def test_users_who_only_begin_late_are_no_moments_of_lists(tmp_path: Path) -> None:
    # The last tenth but one holds users with a single event each: nothing was known of any.
    old = [("u1", f"i{k % 7}", 1 + k % 5, k) for k in range(80)]
    late = [(f"n{k}", f"i{k % 7}", 3, 1000 + k) for k in range(20)]
    rows = [",".join(str(cell) for cell in row) for row in [*old, *late]]
    path = tmp_path / "late.csv"
    path.write_text("\n".join(["user_id,item_id,rating,timestamp", *rows]))
    settings = Settings(task="recommend", target="rating")
    log = read_log(Source(str(path), settings), settings)
    for part in (1, 2):
        assert len(moments_of(log, part)) == 0


def test_an_answer_is_explained_by_what_was_rated(rated: Run, clicked: Run) -> None:
    for run in (rated, clicked):
        answerer = load_answerer(run.path)
        finding = answerer.explain({"user_id": ["u0"], "item_id": ["i2"]})
        assert finding.known
        assert finding.tables[0].rows
        assert finding.figures["named"] > finding.figures["random"]
    nobody = answerer.explain({"user_id": ["nobody"], "item_id": ["i2"]})
    assert not nobody.known
    best = load_answerer(rated.path).explain({"user_id": ["u0"]})
    assert best.known, "without an item, the best new one is explained"


def test_recorded_equals_unrecorded(tmp_path: Path, clicked: Run) -> None:
    source = write(tmp_path, events(), rated=False)
    plan = clicked.plan
    states = []
    for record in (True, False):
        settings = Settings(effort="quick", record=record)
        out = tmp_path / f"{record}.run"
        run = learn(source, settings, Watcher(), out=out, plan=plan)
        states.append(load_answerer(run.path).network().state_dict())
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
