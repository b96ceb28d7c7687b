"""What each column is, its role, and the question: a table of readings that others get wrong."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from pellucid.config import Settings
from pellucid.data.columns import Column, RawColumn, RawTable
from pellucid.data.recognize import Recognized, recognize, target_values
from pellucid.errors import ConfigError, DataError

ROWS = 200
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=ROWS)


def column(name: str, values: Sequence[object] | np.ndarray) -> RawColumn:
    if not isinstance(values, np.ndarray):
        if all(isinstance(value, int | float) for value in values):
            values = np.array(values, dtype=np.float64)
        else:
            boxed = np.empty(len(values), dtype=object)
            boxed[:] = values
            values = boxed
    return RawColumn(name, values)


def table(**columns: Sequence[object] | np.ndarray) -> RawTable:
    made = {name: column(name, values) for name, values in columns.items()}
    rows = len(next(iter(made.values())))
    return RawTable("t.csv", made, [f"t.csv line {row + 2}" for row in range(rows)])


def cycle(*values: object) -> list[object]:
    return [values[row % len(values)] for row in range(ROWS)]


def each(make: Callable[[int], object]) -> list[object]:
    return [make(row) for row in range(ROWS)]


def draw(*values: object) -> list[object]:
    return [values[index] for index in np.random.default_rng(1).integers(0, len(values), ROWS)]


def named(found: Recognized, name: str) -> Column:
    return next(item for item in found.columns if item.name == name)


SENTENCES = each(lambda row: f"the weather in week {row} was rather {'good' if row % 3 else 'bad'}")
WORDS = ("maria", "john", "li", "ahmed", "zoe", "ivan")

# (name, values, modality, role, part of the reason)
COLUMNS: list[tuple[str, list[object] | np.ndarray, str, str, str]] = [
    # numbers
    ("length", NOISE, "number", "input", "different numbers"),
    ("age", RNG.integers(18, 90, ROWS).astype(float), "number", "input", "whole numbers"),
    ("rating", cycle(1, 2, 3, 4, 5), "number", "input", "5 whole numbers 1..5, ordered"),
    ("rooms", cycle("1", "2", "3"), "number", "input", "3 whole numbers 1..3, ordered"),
    ("income", each(lambda row: str(1000 + 7 * (row % 50))), "number", "input", "whole numbers"),
    ("price", each(lambda row: f"{row + 1}.{row % 7}00,50 €"), "number", "input", "written like"),
    ("fee", each(lambda row: f"${row * 37 % 91 + 1},{row % 900 + 100}"), "number", "input", "="),
    ("share", each(lambda row: f"{row / 3:.1f} %"), "number", "input", "written like"),
    ("weight", each(lambda row: f"{row / 7:.2f} kg"), "number", "input", "kg"),
    (
        "odd",
        ["n/k", *each(lambda row: f"{row / 7:.2f}")[1:]],
        "number",
        "input",
        "others such as 'n/k' become missing",
    ),
    ("year", cycle(*range(1990, 2024)), "number", "input", "whole numbers 1990..2023"),
    ("balance", each(lambda row: f"({row}.50)"), "number", "input", "= -"),
    # categories, flags and codes
    ("smoker", cycle(0, 1), "category", "input", "2 different values: 0, 1"),
    ("flag", cycle("0", "1"), "category", "input", "2 different values"),
    ("yes", cycle("yes", "no"), "category", "input", "2 different values"),
    ("ok", cycle("True", "False"), "category", "input", "2 different values"),
    ("town", draw(*WORDS), "category", "input", "6 different values"),
    ("zip", each(lambda row: f"{row % 40:05d}"), "category", "input", "40 different values"),
    ("agent", cycle("007", "006", "013"), "category", "input", "3 different values"),
    ("zipcode", cycle(12345, 99501, 80331), "category", "input", "codes, by the column's name"),
    ("area_code", cycle(*range(30)), "category", "input", "codes, by the column's name"),
    ("phone", cycle("+49 170 1234567", "+1 555 0100200"), "category", "input", "2 different"),
    ("sku", cycle(*(f"AB-{n}" for n in range(60))), "category", "input", "60 different"),
    ("first_name", draw(*WORDS), "category", "input", "'"),
    (
        "answer",
        draw(
            "I agree with this statement very much indeed",
            "I do not agree with this statement at all",
            "I would rather not say anything about this",
        ),
        "category",
        "input",
        "3 different values",
    ),
    ("seen", cycle("x", None, None), "category", "input", "1 different"),
    # dates
    (
        "sold",
        each(lambda row: f"2023-{row % 12 + 1:02d}-{row % 28 + 1:02d}"),
        "date",
        "input",
        "2023-",
    ),
    (
        "born",
        each(lambda row: f"{row % 28 + 1}/{row % 12 + 1}/1990"),
        "date",
        "input",
        "day first, by",
    ),
    (
        "us",
        each(lambda row: f"{row % 12 + 1}/{row % 28 + 1}/1990"),
        "date",
        "input",
        "month first, by",
    ),
    ("stamp", each(lambda row: 20230101 + row % 28), "date", "input", "20240131"),
    ("created", each(lambda row: 1.6e9 + 5000 * row), "date", "input", "seconds since 1970"),
    ("clock", each(lambda row: f"{row % 24:02d}:{row % 60:02d}"), "date", "input", "written like"),
    (
        "day",
        np.datetime64("2024-01-01", "us") + np.arange(ROWS) * np.timedelta64(1, "D"),
        "date",
        "input",
        "by the file itself",
    ),
    # texts and lists
    ("review", SENTENCES, "text", "input", "different texts"),
    (
        "full_name",
        each(lambda row: f"{WORDS[row % 6]} {chr(97 + row % 26)}x{'ab' * (row % 9)}y"),
        "text",
        "input",
        "different texts",
    ),
    ("genres", draw("drama;war", "war", "comedy;drama;war", "comedy"), "words", "input", "3 diff"),
    ("smiles", each(lambda row: "CC(=O)" * (3 + row % 5) + "N" * row), "text", "input", "texts"),
    # nothing to learn from
    ("Unnamed: 0", each(lambda row: row), "number", "ignored", "named like an id"),
    ("PassengerId", each(lambda row: 5000 - 3 * row), "", "ignored", "named like an id"),
    ("n", each(lambda row: row + 1), "number", "ignored", "counts the rows: 1, 2, 3"),
    (
        "permuted",
        np.random.default_rng(3).permutation(ROWS).astype(float),
        "number",
        "ignored",
        "every number from 0 to 199 once",
    ),
    (
        "key",
        each(lambda row: str(uuid.UUID(int=row * 982451653 + 7))),
        "",
        "ignored",
        "named like an id",
    ),
    ("ref", each(lambda row: str(uuid.UUID(int=row * 982451653 + 7))), "", "ignored", "codes of"),
    ("order_no", each(lambda row: f"INV-{row:06d}"), "", "ignored", "named like an id"),
    ("invoice", each(lambda row: f"INV-{row * 31:06d}"), "", "ignored", "codes of which none"),
    ("always", cycle("x"), "category", "ignored", "always 'x'"),
    ("zero", cycle(0), "number", "ignored", "always '0'"),
    ("nothing", np.full(ROWS, np.nan), "", "ignored", f"no value in any of {ROWS} rows"),
    ("none", cycle(None), "", "ignored", "no value in any"),
    # axes that count are still axes
    ("time", each(lambda row: row), "number", "input", "whole numbers 0..199"),
]


@pytest.mark.parametrize(
    ("name", "values", "modality", "role", "why"), COLUMNS, ids=[item[0] for item in COLUMNS]
)
def test_reads_a_column(
    name: str, values: list[object] | np.ndarray, modality: str, role: str, why: str
) -> None:
    source = table(other=NOISE, target=draw("a", "b"))
    source.columns = {name: column(name, values), **source.columns}
    found = named(recognize(source, Settings()), name)
    assert (found.role, found.modality if modality else "") == (role, modality), found.why
    assert why in found.why


# (name of the target, values, task, other readings that must be shown, part of the reason)
TARGETS: list[tuple[str, list[object] | np.ndarray, str, set[str], str]] = [
    ("species", draw("setosa", "virginica", "other"), "classify", set(), "3 different words"),
    ("target", draw(0, 1), "classify", set(), "two values, 0 and 1"),
    ("target", draw(-1, 1), "classify", set(), "two values, -1 and 1"),
    ("target", draw("0", "1"), "classify", set(), "two values"),
    ("target", draw(0, 1, 2), "classify", {"grades", "regress"}, "like codes of classes"),
    ("target", draw("0", "1", "2"), "classify", {"grades", "regress"}, "like codes of classes"),
    ("class", draw(*range(1, 27)), "classify", set(), "the name says that they are classes"),
    ("label", draw(3, 17, 42), "classify", set(), "the name says that they are classes"),
    ("rating", draw(1, 2, 3, 4, 5), "grades", {"regress", "classify"}, "they are grades"),
    ("rating", draw("1", "2", "3", "4", "5"), "grades", {"regress", "classify"}, "are grades"),
    ("stars", draw(1, 1.5, 2, 2.5, 3), "grades", {"regress", "classify"}, "they are grades"),
    ("quality", draw(3, 4, 5, 6, 7, 8), "grades", {"regress", "classify"}, "they are grades"),
    ("score", draw(*range(0, 101)), "regress", set(), "whole numbers 0..100"),
    ("target", draw(1, 2, 3, 4, 5), "classify", {"grades", "regress"}, "5 whole numbers 1..5"),
    ("price", RNG.gamma(2, 100, ROWS), "regress", set(), "different numbers"),
    ("rooms", draw(1, 2, 3, 4, 5, 6), "regress", {"classify"}, "they are amounts"),
    ("rings", draw(*range(1, 29)), "regress", {"classify"}, "they are amounts"),
    ("target", each(lambda row: f"{row * 3.7:.2f}"), "regress", set(), "different numbers"),
    ("target", each(lambda row: f"{row % 70},50 €"), "regress", set(), "written like"),
    ("target", RNG.integers(25, 346, ROWS).astype(float), "regress", set(), "whole numbers"),
    ("target", draw(0.5, 1.7, 2.25, 9.75), "regress", {"classify"}, "4 different numbers"),
    ("tags", draw("red;round", "red", "round;big", "big;red"), "tags", {"classify"}, "lists of"),
    ("tags", draw(["a", "b"], ["b"], ["c", "a"]), "tags", {"classify"}, "lists of"),
    ("v1", draw("ham", "spam"), "classify", set(), "2 different words"),
]


@pytest.mark.parametrize(("name", "values", "task", "others", "why"), TARGETS)
def test_reads_a_target(
    name: str, values: list[object] | np.ndarray, task: str, others: set[str], why: str
) -> None:
    source = table(first=NOISE, second=draw("u", "v", "w"))
    source.columns[name] = column(name, values)
    found = recognize(source, Settings())
    assert found.targets == [name]
    assert found.task == task, found.task_why
    assert {item.kind for item in found.candidates if item.column == name} == others
    assert why in found.task_why
    assert all(f"--task {other}" in found.task_why for other in others)


@pytest.mark.parametrize("values", [draw(1, 2, 3, 4, 5), draw("1", "2", "3", "4", "5")])
def test_given_and_found_tasks_take_the_same_path(values: list[object]) -> None:
    source = table(x=NOISE, rating=values)
    found = recognize(source, Settings())
    given = recognize(source, Settings(target="rating", task=found.task))
    assert [item.as_json()["fitted"] for item in found.columns] == [
        item.as_json()["fitted"] for item in given.columns
    ]
    assert found.unlabeled == given.unlabeled


def test_ratings_are_never_silently_classes() -> None:
    found = recognize(table(x=NOISE, rating=draw(1, 2, 3, 4, 5)), Settings())
    assert "can be read in two ways" in found.warnings[0]
    assert "--task regress" in found.warnings[0]
    assert named(found, "rating").modality == "number"


def test_says_how_to_change_a_reading() -> None:
    found = recognize(table(rating=cycle(1, 2, 3, 4, 5), target=draw("a", "b")), Settings())
    assert named(found, "rating").why == (
        "5 whole numbers 1..5, ordered; read as a number; --as rating=category to change"
    )
    other = next(item for item in found.candidates if item.column == "rating")
    assert (other.kind, other.option) == ("category", "--as rating=category")


def test_one_word_overrides() -> None:
    source = table(rating=cycle(1, 2, 3, 4, 5), town=draw(*WORDS), target=draw("a", "b"))
    found = recognize(source, Settings(kinds={"rating": "category", "town": "ignore"}))
    assert named(found, "rating").modality == "category"
    assert named(found, "rating").why == "as asked by --as rating=category"
    assert named(found, "town").role == "ignored"


def test_override_of_the_target_changes_the_task() -> None:
    source = table(x=NOISE, rating=draw(1, 2, 3, 4, 5))
    assert recognize(source, Settings(kinds={"rating": "category"})).task == "classify"
    assert recognize(source, Settings(kinds={"rating": "number"})).task == "regress"
    assert recognize(source, Settings(task="regress")).task == "regress"


def test_override_keeps_what_would_be_left_out() -> None:
    source = table(id=each(lambda row: row), x=NOISE, target=draw("a", "b"))
    found = recognize(source, Settings(kinds={"id": "number"}))
    assert named(found, "id").role == "input"


@pytest.mark.parametrize(
    ("settings", "what", "fix"),
    [
        (Settings(kinds={"pirce": "number"}), "no column 'pirce'", "did you mean 'price'?"),
        (Settings(kinds={"price": "numbr"}), "no kind 'numbr'", "did you mean 'number'?"),
        (Settings(kinds={"town": "number"}), "no value of 'town' is a number", "leave the option"),
        (Settings(kinds={"town": "date"}), "no value of 'town' is a date", "leave the option"),
        (Settings(kinds={"label": "image"}), "can't be read as image", "--as label=category"),
        (Settings(target="lable"), "no column 'lable'", "did you mean 'label'?"),
        (Settings(target="price,labl"), "no column 'labl'", "did you mean 'label'?"),
        (Settings(target="price,price"), "named twice", "once"),
        (Settings(task="classfy"), "no task 'classfy'", "did you mean 'classify'?"),
        (Settings(task="regress"), "can't be read as numbers: it has 'b'", "--task classify"),
        (Settings(target="price,town"), "can't be read as numbers", "name another"),
        (Settings(ignore=("twon",)), "no column 'twon'", "did you mean 'town'?"),
        (Settings(group="twon"), "no column 'twon'", "did you mean 'town'?"),
    ],
)
def test_settings_that_make_no_sense(settings: Settings, what: str, fix: str) -> None:
    source = table(price=NOISE, town=draw(*WORDS), label=draw("b", "a"))
    with pytest.raises(ConfigError) as caught:
        recognize(source, settings)
    assert what in caught.value.what
    assert fix in caught.value.fix


def test_one_class_is_an_error() -> None:
    with pytest.raises(DataError, match="it is 'a' in all 200 rows") as caught:
        recognize(table(x=NOISE, label=cycle("a")), Settings(target="label"))
    assert "at least one other class" in caught.value.fix


def test_a_label_of_one_class_is_not_passed_over_for_another_column() -> None:
    with pytest.raises(DataError, match="nothing to tell apart in the target 'label'"):
        recognize(table(label=cycle("a"), x=NOISE), Settings())


def test_constant_number_is_an_error() -> None:
    with pytest.raises(DataError, match="nothing to tell apart in the target 'y'"):
        recognize(table(x=NOISE, y=cycle(3.5)), Settings(target="y"))


def test_empty_target_is_an_error() -> None:
    with pytest.raises(DataError, match="no value in any of 200 rows"):
        recognize(table(x=NOISE, y=cycle(None)), Settings(target="y"))


def test_free_text_is_no_target() -> None:
    with pytest.raises(DataError, match="200 different texts in 200 rows") as caught:
        recognize(table(x=NOISE, review=SENTENCES), Settings(target="review"))
    assert "--task classify" in caught.value.fix


def test_no_plausible_target_lists_the_columns() -> None:
    source = table(review=SENTENCES, born=cycle("2020-01-01", "2021-05-06"))
    with pytest.raises(DataError, match="no column says") as caught:
        recognize(source, Settings())
    assert "review, born" in caught.value.where
    assert "--target" in caught.value.fix


def test_one_column_is_not_enough() -> None:
    with pytest.raises(DataError, match="no column"):
        recognize(table(y=draw("a", "b")), Settings())


def test_one_row_is_not_enough() -> None:
    with pytest.raises(DataError, match="1 row can't teach"):
        recognize(table(x=[1.0], y=["a"]), Settings())


def test_nothing_left_to_learn_from() -> None:
    with pytest.raises(DataError, match="no column is left") as caught:
        recognize(table(x=cycle(1), label=draw("a", "b")), Settings())
    assert "x: always '1'" in caught.value.where


def test_an_only_column_is_kept_although_it_looks_like_an_id() -> None:
    found = recognize(table(n=each(lambda row: row), y=NOISE.cumsum()), Settings())
    assert named(found, "n").role == "input"
    assert "all there is to learn from" in found.warnings[-1]


@pytest.mark.parametrize(
    ("columns", "target", "why"),
    [
        (["label", "a", "b"], "label", "by its name"),
        (["a", "class_label", "b"], "class_label", "by its name"),
        (["survived", "a", "b"], "survived", "by its name"),
        (["a", "b", "c"], "c", "the last column"),
        (["y", "x", "z"], "z", "the last column"),
        (["x", "y"], "y", "by its name"),
    ],
)
def test_finds_the_target(columns: list[str], target: str, why: str) -> None:
    source = table(**{name: draw("u", "v", "w") for name in columns})
    for index, name in enumerate(columns):
        np.random.default_rng(index).shuffle(source.columns[name].values)
    found = recognize(source, Settings())
    assert found.targets == [target]
    assert why in named(found, target).why


def test_the_only_possible_target_is_taken() -> None:
    found = recognize(table(v1=draw("ham", "spam"), v2=SENTENCES), Settings())
    assert found.targets == ["v1"]
    assert "only column" in named(found, "v1").why


def test_the_source_may_name_the_target() -> None:
    source = table(folder=draw("cat", "dog"), x=NOISE)
    source.target = "folder"
    found = recognize(source, Settings())
    assert (found.targets, named(found, "folder").why) == (["folder"], "the source itself says so")


def test_several_numbers() -> None:
    source = table(x=NOISE, a=NOISE**2, b=each(lambda row: f"{row % 31},5"))
    found = recognize(source, Settings(target="a, b"))
    assert (found.targets, found.task) == (["a", "b"], "regress")
    read = target_values(found.target_columns()[1], source.columns["b"])
    assert read.values[:3].tolist() == [0.5, 1.5, 2.5]
    with pytest.raises(ConfigError, match="can't be one task 'classify'"):
        recognize(source, Settings(target="a,b", task="classify"))


def test_rows_without_a_target_are_named() -> None:
    classes = draw("a", "b")
    classes[3], classes[7] = None, "  "
    assert recognize(table(x=NOISE, label=classes), Settings()).unlabeled == {
        3: "the target 'label' is missing",
        7: "the target 'label' is missing",
    }
    numbers = each(lambda row: f"{row * 1.1:.1f}")
    numbers[5] = "soon"
    found = recognize(table(x=NOISE, y=numbers), Settings())
    assert found.unlabeled == {5: "the target y 'soon' is not a number"}


def test_lonely_and_lookalike_classes_are_named() -> None:
    classes = draw("yes", "no")
    classes[0], classes[1], classes[2] = "maybe", "Yes", "Yes"
    found = recognize(table(x=NOISE, label=classes), Settings())
    assert any("1 of 4 classes of 'label' have one row only (maybe)" in w for w in found.warnings)
    assert any("'Yes' and 'yes'" in w or "'yes' and 'Yes'" in w for w in found.warnings)


def test_target_values_are_read_as_the_training_rows_wrote_them() -> None:
    source = table(x=NOISE, price=each(lambda row: f"{row + 1}.000,50 €"))
    found = recognize(source, Settings(target="price"))
    later = target_values(found.target_columns()[0], column("price", ["7.000,25 €", "8"]))
    assert later.values.tolist() == [7000.25, 8.0]


def test_copies_of_a_column_are_left_out() -> None:
    source = table(a=NOISE, b=NOISE.copy(), t=draw("u", "v"), s=draw("u", "v"), label=cycle(0, 1))
    source.columns["b"].values[:] = source.columns["a"].values
    found = recognize(source, Settings())
    assert named(found, "b").why == "a copy of 'a'; --as b=number to keep it"
    assert named(found, "s").why.startswith("a copy of 't'")


def test_copies_of_the_target_are_left_out() -> None:
    answer = draw("no", "yes")
    source = table(
        x=NOISE, survived=answer, alive=["1" if item == "yes" else "0" for item in answer]
    )
    found = recognize(source, Settings(target="survived"))
    assert named(found, "alive").role == "ignored"
    assert "the target in other words" in named(found, "alive").why
    assert any("'alive' is left out" in warning for warning in found.warnings)


def test_suspicious_columns_are_named_and_kept() -> None:
    found = recognize(table(x=NOISE, late=NOISE * 2 + 1e-4, y=NOISE), Settings())
    assert named(found, "late").role == "ignored" or "late" in " ".join(found.warnings)
    price = np.exp(NOISE)
    found = recognize(table(x=NOISE**2, tax=price * 0.19 + 1, price=price), Settings())
    assert named(found, "tax").role == "input"
    assert "follows the target nearly exactly" in found.warnings[0]


def test_rows_sorted_by_class_are_noticed() -> None:
    half = ROWS // 2
    source = table(id=each(lambda row: row), x=NOISE, label=["a"] * half + ["b"] * half)
    found = recognize(source, Settings())
    assert named(found, "id").role == "ignored"
    assert any("sorted or collected by 'label'" in warning for warning in found.warnings)


def test_numbered_columns_are_read_alike() -> None:
    pixels = {f"pixel_{n}": RNG.integers(0, 17, ROWS).astype(float) for n in range(9)}
    pixels["pixel_9"] = RNG.integers(0, 2, ROWS).astype(float)
    found = recognize(table(**pixels, target=draw("a", "b")), Settings())
    assert {named(found, name).modality for name in pixels} == {"number"}
    assert "one of 10 columns pixel_#" in named(found, "pixel_9").why


def test_file_names_without_files_are_left_out(tmp_path: Path) -> None:
    source = table(photo=each(lambda row: f"p{row}.jpg"), x=NOISE, label=draw("a", "b"))
    source.columns["photo"].folder = tmp_path
    found = recognize(source, Settings())
    assert (named(found, "photo").role, named(found, "photo").modality) == ("ignored", "image")
    assert "no such file: p0.jpg" in found.warnings[0]


def test_repeated_persons_make_a_group() -> None:
    people = cycle(*(f"P{n}" for n in range(20)))
    found = recognize(table(patient_id=people, x=NOISE, label=draw("a", "b")), Settings())
    assert found.group is not None
    assert found.group.value == "patient_id"
    assert named(found, "patient_id").role == "ignored"


def test_users_and_items_stay_inputs() -> None:
    source = table(user_id=cycle(*range(20)), item_id=cycle(*range(30)), rating=draw(1, 2, 3, 4, 5))
    found = recognize(source, Settings())
    assert [item.modality for item in found.inputs()] == ["category", "category"]


def test_columns_with_a_job_are_no_inputs() -> None:
    source = table(
        part=draw("train", "test"), who=draw(*WORDS), x=NOISE, y=NOISE**2, label=draw("a", "b")
    )
    found = recognize(source, Settings(split="part", group="who", ignore=("y",)))
    assert [item.name for item in found.inputs()] == ["x"]
    assert "--split" in named(found, "part").why
    assert "--group" in named(found, "who").why


def test_ambiguous_dates_are_said() -> None:
    source = table(when=cycle("03/04/2024", "05/06/2024", "01/02/2023"), label=draw("a", "b"))
    found = recognize(source, Settings())
    assert any("ambiguous: 03/04/2024 could be either" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("name", "task", "inputs"),
    [
        ("iris", "classify", 4),
        ("wine", "classify", 13),
        ("breast_cancer", "classify", 30),
        ("diabetes", "regress", 10),
        ("digits", "classify", 61),  # three pixels are always white
    ],
)
def test_real_tables(name: str, task: str, inputs: int) -> None:
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    source = table(**{key: frame[key].to_numpy(np.float64) for key in frame})
    found = recognize(source, Settings())
    assert (found.targets, found.task) == (["target"], task)
    kinds = {item.name: item.modality for item in found.inputs()}
    assert len(kinds) == inputs
    assert set(kinds.values()) <= ({"number", "category"} if name == "diabetes" else {"number"})
    assert found.unlabeled == {}
    assert not any("column" in warning for warning in found.warnings), found.warnings
