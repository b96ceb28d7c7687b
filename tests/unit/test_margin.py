"""Support vector machines among the linear models, against scikit-learn."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from pellucid.baselines.linear import Way, chosen, link
from pellucid.baselines.margin import factor, margins, scaled


def sparse_rows(classes: int, seed: int = 0) -> tuple[csr_matrix, np.ndarray]:
    """Rows with a few words of their class among words of anybody."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, classes, 240)
    dense = (generator.random((240, 60)) < 0.08).astype(np.float64)
    own = generator.integers(0, 4, 240) + 4 * target
    dense[np.arange(240), own] += generator.random(240) < 0.9
    return csr_matrix(dense), target


@pytest.mark.parametrize("classes", [2, 4])
def test_answers_are_those_of_scikit_learn(classes: int) -> None:
    from sklearn.svm import LinearSVC

    matrix, target = sparse_rows(classes)
    weights, bias = margins(matrix, target, classes, 1.0)
    theirs = LinearSVC(C=1.0, random_state=0).fit(matrix, target)
    np.testing.assert_array_equal((matrix @ weights + bias).argmax(1), theirs.predict(matrix))


def test_a_factor_changes_no_answer_and_makes_probabilities_honest() -> None:
    from sklearn.metrics import log_loss

    matrix, target = sparse_rows(2)
    learn, judge = slice(0, 160), slice(160, 240)
    solution = margins(matrix[learn], target[learn], 2, 1.0)
    plain = matrix[judge] @ solution[0] + solution[1]
    size = factor(plain, target[judge])
    weights, bias = scaled(solution, size)
    logits = matrix[judge] @ weights + bias
    np.testing.assert_array_equal(logits.argmax(1), plain.argmax(1))
    ours = log_loss(target[judge], link("classify", logits))
    assert ours <= log_loss(target[judge], link("classify", plain)) + 1e-9
    assert ours < np.log(2)


def test_a_class_that_the_rows_lack_is_never_answered() -> None:
    matrix, target = sparse_rows(2)
    weights, bias = margins(matrix, target, 3, 1.0)
    assert (matrix @ weights + bias).argmax(1).max() == 1
    assert bias[2] == -np.inf
    weights, bias = margins(matrix, np.ones_like(target), 3, 1.0)
    assert ((matrix @ weights + bias).argmax(1) == 1).all()


def test_the_strength_follows_from_log_loss_and_the_model_from_right_answers() -> None:
    judged = SimpleNamespace(
        kind="classify",
        target=np.array([0, 1, 0, 1]),
        folds=[(np.array([], np.int64), np.arange(4))],
    )
    ways = (Way("plain", 1.0), Way("plain", 2.0), Way("wide", 1.0, margin=True))
    sure = np.array([[0.9, 0.1], [0.4, 0.6], [0.9, 0.1], [0.6, 0.4]])  # three of four
    surer = np.array([[0.99, 0.01], [0.3, 0.7], [0.99, 0.01], [0.55, 0.45]])  # the same three
    right = np.array([[0.51, 0.49], [0.49, 0.51]] * 2)  # all four, hardly sure
    assert chosen(judged, ways, [sure, surer, sure]) == 1  # type: ignore[arg-type]
    assert chosen(judged, ways, [sure, surer, right]) == 2  # type: ignore[arg-type]
