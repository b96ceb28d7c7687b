"""Rows without an answer: can something be learned from them all the same?

Learning what examples look like pays where they are many times more than those with answers, and
many at all; below that the time is better spent on the answers (El-Nouby et al. 2021; published
thresholds lie at 50,000 to 65,000 pictures).
"""

from __future__ import annotations

from pellucid.config import Unlabelled

FOLDERS = frozenset({"unlabelled", "unlabeled"})
"""Names of folders beside those of classes whose files have no answer."""
TIMES_AS_MANY = 10
FEWEST = {"image": 50_000, "audio": 10_000, "text": 50_000, "series": 50_000}
FEWEST_ROWS = 50_000
"""Rows without an answer from which on learning from them is tried by itself."""
MOST_LABELLED = {"number": 2_000, "category": 2_000, "date": 2_000}
"""Of a table, rows with an answer beyond which the others bring nothing."""
WITHOUT = "no answer: learned from without it"


def worth_trying(
    labelled: int, unlabelled: int, modalities: list[str], asked: Unlabelled
) -> tuple[bool, str]:
    """Whether to learn from rows without an answer, and why, in words."""
    if not unlabelled:
        return False, ""
    none = "row has" if unlabelled == 1 else "rows have"
    counts = f"{unlabelled:,} {none} no answer, {labelled:,} have one"
    if asked != "auto":
        said = "as asked with --unlabelled"
        return asked == "use", f"{counts}; {'tried' if asked == 'use' else 'left out'} {said}"
    fewest = min(FEWEST.get(modality, FEWEST_ROWS) for modality in modalities)
    if unlabelled < TIMES_AS_MANY * labelled or unlabelled < fewest:
        return False, (
            f"{counts}: learning from those without pays from {TIMES_AS_MANY} times as many and "
            f"{fewest:,} on; --unlabelled use tries it"
        )
    if labelled > min(MOST_LABELLED.get(modality, labelled) for modality in modalities):
        return False, f"{counts}: so many answers are enough for a table"
    return True, f"{counts}: what they look like is learned first"
