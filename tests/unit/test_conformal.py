"""Sets and intervals: quantiles worked out by hand, crepes, and coverage over many draws."""

from __future__ import annotations

import numpy as np
import pytest
from crepes import ConformalClassifier, ConformalRegressor
from crepes.extras import binning
from scipy.stats import betabinom

from pellucid.evidence.trust.conformal import (
    BEST,
    Counted,
    Held,
    Promise,
    answer_scores,
    aps,
    chosen,
    contiguous,
    fewest,
    group_weights,
    hold_classes,
    hold_numbers,
    hull,
    interval_of,
    lac,
    limits,
    promise,
    raps,
    sets_of,
    truth_scores,
    usual_coverage,
)
from pellucid.learning.evaluate import Kind

ONE = np.zeros(5_000, dtype=np.int16)


def probabilities(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that is too sure, and the truth."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(rows, classes)) * 1.5
    honest = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (honest.cumsum(1) > generator.random((rows, 1))).argmax(1)
    said = np.exp(2 * logits)
    return said / said.sum(1, keepdims=True), truth


# --- scores ---------------------------------------------------------------------------------------


def test_scores_worked_out_by_hand() -> None:
    probability = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert lac(probability) == pytest.approx(np.array([[0.5, 0.7, 0.8], [0.9, 0.8, 0.3]]))
    assert aps(probability) == pytest.approx(np.array([[0.5, 0.8, 1.0], [1.0, 0.9, 0.7]]))
    half = aps(probability, np.array([0.5, 0.5]))
    assert half == pytest.approx(np.array([[0.25, 0.65, 0.9], [0.95, 0.8, 0.35]]))
    longer = raps(probability, penalty=0.1, free=1)
    assert longer == pytest.approx(np.array([[0.5, 0.9, 1.2], [1.2, 1.0, 0.7]]))


def test_a_set_of_grades_has_no_gap() -> None:
    scores = np.array([[0.1, 0.9, 0.3, 0.2, 0.8]])
    assert contiguous(scores) == pytest.approx(np.array([[0.1, 0.2, 0.2, 0.2, 0.8]]))
    inside = np.array([[False, True, False, True, False], [False] * 5])
    assert hull(inside).tolist() == [[False, True, True, True, False], [False] * 5]


def test_a_set_of_tags_must_have_all_of_them() -> None:
    scores = answer_scores("tags", np.array([[0.9, 0.4], [0.9, 0.4]]))
    found = truth_scores("tags", scores, np.array([[1, 1], [0, 0]]))
    assert found == pytest.approx([0.6, 0.0])


# --- limits ---------------------------------------------------------------------------------------


def test_limits_have_the_rank_that_pays_for_the_new_row() -> None:
    errors = np.arange(1.0, 20)  # 19 rows: rank ceil(20 x .9) = 18
    held = hold_numbers(np.zeros(19), errors, ONE[:19])[0]
    assert limits(held, 0.1) == pytest.approx([18])
    assert limits(held, 0.05) == pytest.approx([19])
    assert np.isinf(limits(held, 0.04)).all()
    assert [fewest(alpha) for alpha in (0.5, 0.1, 0.05, 0.01)] == [1, 9, 19, 99]


@pytest.mark.parametrize("alpha", [0.02, 0.1, 0.25])
def test_intervals_are_those_of_crepes(alpha: float) -> None:
    generator = np.random.default_rng(0)
    prediction, new = generator.normal(size=90), generator.normal(size=40)
    truth = prediction + generator.normal(size=90)
    held = hold_numbers(prediction, truth, ONE[:90])[0]
    low, high = interval_of(held, new[None], alpha)
    theirs = ConformalRegressor().fit(truth - prediction).predict_int(new, confidence=1 - alpha)
    assert np.stack([low, high], 1) == pytest.approx(theirs, abs=1e-6)


def test_widths_that_differ_with_the_size_of_the_answer_are_those_of_crepes() -> None:
    generator = np.random.default_rng(1)
    prediction, new = generator.random(450), generator.random(60)
    truth = prediction + generator.normal(size=450) * prediction
    held = hold_numbers(prediction, truth, ONE[:450])[0]
    assert held.labels == 4
    low, high = interval_of(held, new[None], 0.1)
    bins = np.array([-np.inf, *held.edges, np.inf])
    label, labels = binning(prediction, bins=bins), binning(new, bins=bins)
    fitted = ConformalRegressor().fit(truth - prediction, bins=label)
    theirs = fitted.predict_int(new, bins=labels, confidence=0.9)
    assert np.stack([low, high], 1) == pytest.approx(theirs, abs=1e-6)
    assert (high - low)[new < held.edges[0]].max() < (high - low)[new > held.edges[-1]].min()


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("rows", [60, 400])  # the classes of the latter have limits of their own
def test_sets_are_those_of_crepes(alpha: float, rows: int) -> None:
    said, truth = probabilities(rows + 50, 3, 2)
    held = hold_classes("classify", said[:rows], truth[:rows], ONE[:rows])
    own = held.labels == 3
    assert own == (rows == 400)
    scores = answer_scores("classify", said)
    mine = truth_scores("classify", scores[:rows], truth[:rows])
    inside = sets_of("classify", held, said[None, rows:], alpha)
    for number in range(3):
        alike = truth[:rows] == number if own else slice(None)
        fitted = ConformalClassifier().fit(mine[alike])
        theirs = fitted.predict_set(scores[rows:, [number]], confidence=1 - alpha, smoothing=False)
        assert (inside[:, [number]] == (theirs > 0)).all()


def test_a_class_has_a_limit_of_its_own_where_five_of_its_rows_lie_beyond_it() -> None:
    said, truth = probabilities(600, 3, 2)
    fewest = np.bincount(truth).min()
    for alpha, labels in ((0.1, 3), (5 / fewest, 3), (4.9 / fewest, 1), (0.01, 1)):
        held = hold_classes("classify", said, truth, ONE[:600], alpha=alpha)
        assert held.labels == labels


# --- coverage, measured ---------------------------------------------------------------------------


def covered(kind: Kind, draws: int, rows: int, alpha: float) -> int:
    """How often the truth of one new row is inside, each time with held rows drawn anew."""
    hits = 0
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        if kind == "regress":
            numbers = generator.gamma(1.0, size=(rows + 1, 2))
            held = hold_numbers(numbers[:rows, 0], numbers[:rows, 1], ONE[:rows])[0]
            low, high = interval_of(held, numbers[None, rows:, 0], alpha)
            hits += bool(low[0] <= numbers[rows, 1] <= high[0])
            continue
        said, truth = probabilities(rows + 1, 5, seed)
        if kind == "tags":
            truth = (said > generator.random(said.shape)).astype(int)
        held = hold_classes(kind, said[:rows], truth[:rows], ONE[:rows])
        inside = sets_of(kind, held, said[None, rows:], alpha)[0]
        hits += bool(inside[truth[rows] > 0].all() if kind == "tags" else inside[truth[rows]])
    return hits


def test_sets_with_the_answer_cover_no_more_than_they_promise() -> None:
    """Plain sets may lack the answer; added afterwards, it covers more than was promised."""
    share = {"answer first": 0.0, "lac": 0.0}
    draws = 30
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        truth = generator.integers(0, 3, 2_300)
        clear = np.array([2.2, 1.2, 0.5])[truth, None]
        logits = generator.normal(size=(2_300, 3)) + np.eye(3)[truth] * clear
        said = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        for method in share:
            held = hold_classes("classify", said[:300], truth[:300], ONE[:300], method=method)
            inside = sets_of("classify", held, said[None, 300:], 0.1, method)
            given = inside | chosen("classify", said[300:])
            share[method] += given[np.arange(2_000), truth[300:]].mean() / draws
    assert 0.9 < share["answer first"] < share["lac"]
    assert share["answer first"] < 0.91


@pytest.mark.parametrize("kind", ["classify", "grades", "tags", "regress"])
@pytest.mark.parametrize("alpha", [0.1, 0.25])
def test_as_much_is_covered_as_is_promised(kind: Kind, alpha: float) -> None:
    draws, rows = 500, 29
    hits = covered(kind, draws, rows, alpha)
    most = int((rows + 1) * alpha)  # exact coverage of continuous scores: 1 - most / (n + 1)
    exact = 1 - most / (rows + 1)
    error = 3 * np.sqrt(exact * (1 - exact) / draws)
    assert hits / draws > exact - error
    if kind in ("classify", "regress"):  # the others have ties: they may cover more
        assert hits / draws < exact + error


def test_networks_that_took_turns_keep_the_promise() -> None:
    """CV+ over 4 folds, with polynomials that fit their 20 rows too closely."""
    inside, draws = 0, 400
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        x = generator.uniform(-1, 1, 21)
        y = np.sin(3 * x) + 0.3 * generator.normal(size=21)
        network = np.arange(20) % 4
        fits = [np.polyfit(x[:20][network != k], y[:20][network != k], 6) for k in range(4)]
        held_out = np.array([np.polyval(fits[k], value) for k, value in zip(network, x)])
        held = hold_numbers(held_out, y[:20], network)[0]
        members = np.array([[np.polyval(fit, x[20])] for fit in fits])
        low, high = interval_of(held, members, 0.1)
        inside += bool(low[0] <= y[20] <= high[0])
    assert inside / draws > 0.8 + 0.02  # guaranteed are 80 %
    assert inside / draws > 0.9 - 0.03  # usual are 90 % or more


def test_networks_that_took_turns_end_where_sorting_says() -> None:
    generator = np.random.default_rng(3)
    members, network = generator.normal(size=(3, 7)), np.arange(50) % 3
    errors = generator.gamma(1.0, size=50).astype(np.float32)
    held = hold_numbers(np.zeros(50), errors, network)[0]
    low, high = interval_of(held, members, 0.1)
    rank = int(0.1 * 51)
    for row in range(7):
        assert low[row] == pytest.approx(
            np.sort(members[network, row] - errors)[rank - 1], abs=1e-5
        )
        assert high[row] == pytest.approx(np.sort(members[network, row] + errors)[-rank], abs=1e-5)


def test_a_new_group_is_covered_and_not_only_a_new_row() -> None:
    """Errors are alike within a group: rows must not count as if each were news."""
    inside = {"groups": 0, "rows": 0}
    draws = 600
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        shift = np.abs(generator.normal(size=15)) + 0.1
        groups = np.repeat(np.arange(15), 10)
        errors = (shift[groups] + 0.01 * generator.random(150))[:140]
        new = shift[14] + 0.005
        for name, known in (("groups", groups[:140]), ("rows", None)):
            held = hold_numbers(np.zeros(140), errors, ONE[:140], known)[0]
            inside[name] += bool(new <= limits(held, 0.1)[0])
    assert inside["groups"] / draws > 0.9 - 0.03
    assert inside["rows"] < inside["groups"]


def test_rows_of_a_group_share_one_weight() -> None:
    assert group_weights(np.array([7, 7, 1]), 3) == pytest.approx([0.5, 0.5, 1.0])


# --- promises -------------------------------------------------------------------------------------


def test_too_few_rows_promise_nothing() -> None:
    said, truth = probabilities(9, 3, 0)
    assert promise("classify", said[:8], truth[:8]) is None
    assert promise("classify", said, truth) is not None
    groups = np.arange(9) // 2  # five groups
    assert promise("classify", said, truth, groups=groups) is None
    assert promise("classify", said[:0], truth[:0]) is None


def test_more_is_promised_where_sets_stay_short() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, 400)
    sure = np.where(np.eye(3)[truth] > 0, 0.9, 0.05) + 0.01 * generator.random((400, 3))
    sure[:3] = sure[:3, ::-1]  # hardly ever wrong
    made = promise("classify", sure, truth)
    assert made is not None
    assert made.alpha == 0.01
    assert made.size(sure) <= 1.5
    few = promise("classify", sure[:60], truth[:60])  # too few for 99 %
    assert few is not None
    assert few.alpha == 0.05
    unsure, truth = probabilities(400, 3, 0)
    made = promise("classify", unsure, truth)
    assert made is not None
    assert made.alpha == 0.1


def test_a_promise_survives_the_disk() -> None:
    said, truth = probabilities(300, 3, 4)
    for made in (
        promise("classify", said, truth, np.arange(300) % 3),
        promise("regress", said, said + 0.1, groups=np.arange(300) // 2),
    ):
        assert made is not None
        again = Promise.restore(made.facts(), made.arrays())
        members = said[None, :20].repeat(3, 0)
        if made.kind == "classify":
            assert (made.sets(members) == again.sets(members)).all()
            assert f"at least {1 - 2 * made.alpha:.0%}" in made.guarantee()
        else:
            assert np.array_equal(made.bounds(members[:1]), again.bounds(members[:1]))
            assert made.guarantee().startswith("90% of new groups")


def test_measured_coverage_varies_as_beta_and_binomial_say() -> None:
    generator = np.random.default_rng(0)
    seen = []
    for _ in range(2_000):
        errors = generator.random(159)
        limit = np.sort(errors[:59])[53]  # rank ceil(60 x .9) = 54
        seen.append((errors[59:] <= limit).mean())
    low, high = usual_coverage([Counted(59)], 0.1, [100])
    assert np.quantile(seen, [0.025, 0.975]) == pytest.approx([low, high], abs=0.011)
    assert betabinom(100, 54, 6).cdf(round(low * 100) - 1) <= 0.025
    assert (low, high) == tuple(betabinom(100, 54, 6).ppf([0.025, 0.975]) / 100)


def test_a_promise_to_each_class_covers_the_sum_of_what_each_covers() -> None:
    """123 held rows of a class leave one miss in 124, not one in a hundred: all of it adds up."""
    generator = np.random.default_rng(1)
    rows, tried = 123, [40, 60, 100]
    seen = []
    for _ in range(3_000):
        inside = 0
        for count in tried:
            limit = np.sort(generator.random(rows))[122]  # rank ceil(124 x .99)
            inside += (generator.random(count) <= limit).sum()
        seen.append(inside / sum(tried))
    exact = usual_coverage([Counted(rows)] * 3, 0.01, tried)
    assert np.quantile(seen, [0.025, 0.975]) == pytest.approx(exact, abs=0.006)
    assert np.mean(seen) == pytest.approx(123 / 124, abs=0.001)
    together = usual_coverage([Counted(3 * rows)], 0.01, [200])
    assert exact[0] >= together[0]


def test_where_many_score_alike_more_is_covered_and_the_interval_knows() -> None:
    """Seven of ten answers are right, so they score alike; what is promised is half."""
    generator = np.random.default_rng(2)
    outside = 0
    for _ in range(1_000):
        scores = np.where(generator.random(300) < 0.7, -1.0, generator.random(300))
        held = Held(
            scores[:200].astype(np.float32),
            np.zeros(200, np.int16),
            np.zeros(200, np.int32),
            np.ones(200, np.float32),
        )
        limit = limits(held, 0.5)[0]
        share = (scores[200:] <= limit).mean()
        low, high = usual_coverage(held.counted(), 0.5, [100])
        assert low < 0.5 < high
        outside += not low <= share <= high
    assert outside <= 50
    without = usual_coverage([Counted(200)], 0.5, [100])
    assert without[1] < 0.7  # it would have been called more than kept


def test_too_few_rows_rule_nothing_out() -> None:
    assert usual_coverage([Counted(8)], 0.1, [50]) == (1.0, 1.0)


def test_an_exact_promise_is_in_its_interval_19_times_in_20() -> None:
    """From the held rows to the verdict, as the study does it: classes with limits of their own."""
    generator = np.random.default_rng(3)
    inside = 0
    for _ in range(400):
        truth = generator.integers(0, 2, 400)
        sure = np.clip(0.5 + 0.35 * (2 * truth - 1) + 0.3 * generator.normal(size=400), 0.01, 0.99)
        probability = np.stack([1 - sure, sure], 1)
        first, rest = np.arange(250), np.arange(250, 400)
        held = hold_classes(
            "classify", probability[first], truth[first], np.zeros(250), method="lac"
        )
        made = Promise("classify", (held,), method="lac")
        sets = made.sets(probability[rest][None])
        share = sets[np.arange(150), truth[rest]].mean()
        counts = np.bincount(truth[rest], minlength=held.labels)
        low, high = made.usual(counts.tolist())
        inside += low <= share <= high
    assert 0.92 <= inside / 400 <= 1.0


def test_what_is_expected_is_the_promise_or_more_where_scores_are_equal() -> None:
    plain = Counted(99, np.arange(99, dtype=np.float64))
    assert plain.expected(0.1) == pytest.approx(0.9)
    assert Counted(99).expected(0.1) == pytest.approx(0.9)
    assert Counted(5).expected(0.1) == 1.0  # too few to leave anything out
    tied = np.append(np.full(95, BEST), np.linspace(0.1, 0.9, 5))  # 95 of 100 answers are right
    assert Counted(100, tied).expected(0.1) == pytest.approx(0.95)


@pytest.mark.parametrize("rows", [300, 2_000])  # one limit for all, and one for each class
def test_what_is_expected_is_what_is_covered(rows: int) -> None:
    """Over 40 draws of held rows, 2,000 new ones each."""
    expected, covered = [], []
    for seed in range(40):
        said, truth = probabilities(rows + 2_000, 3, seed)
        said = said**3 / (said**3).sum(1, keepdims=True)
        held = hold_classes("classify", said[:rows], truth[:rows], ONE[:rows], alpha=0.05)
        promise = Promise("classify", (held,), alpha=0.05)
        new, answers = truth[rows:], said[None, rows:]
        tried = np.bincount(new, minlength=3) if held.labels > 1 else np.array([len(new)])
        expected.append(promise.expected(tried.tolist()))
        covered.append(promise.sets(answers)[np.arange(len(new)), new].mean())
    assert np.mean(covered) == pytest.approx(np.mean(expected), abs=0.006)
