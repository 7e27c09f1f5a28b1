"""Means and spreads over seeds, and how they are written."""

from __future__ import annotations

import json
import math
import statistics

import pandas as pd
import pytest

from stages.reporting import tables
from stages.reporting.tables import Column


@pytest.fixture
def table() -> pd.DataFrame:
    return tables.summary(
        {
            "b": [{"accuracy": 0.5, "nmi": 0.25}, {"accuracy": 0.6, "nmi": None}, {"accuracy": 0.1, "nmi": None}],
            "a": [{"accuracy": 0.7, "epochs": 20, "extra": "text", "many": [1, 2]}],
        }
    )


def cell(table: pd.DataFrame, name: str, figure: str) -> dict[str, float]:
    (row,) = table[(table["name"] == name) & (table["figure"] == figure)].to_dict("records")
    return row


def test_mean_and_spread_are_those_of_a_sample(table: pd.DataFrame) -> None:
    found = cell(table, "b", "accuracy")
    assert found["mean"] == pytest.approx(statistics.mean([0.5, 0.6, 0.1]))
    assert found["std"] == pytest.approx(statistics.stdev([0.5, 0.6, 0.1]))
    assert found["n"] == 3


def test_n_counts_the_seeds_that_were_measured(table: pd.DataFrame) -> None:
    found = cell(table, "b", "nmi")
    assert (found["mean"], found["n"]) == (0.25, 1)
    assert math.isnan(found["std"])


def test_text_and_lists_are_no_figures(table: pd.DataFrame) -> None:
    assert set(table["figure"]) == {"accuracy", "nmi", "epochs"}


def test_metrics_hold_numbers_only_in_the_order_of_the_parameters() -> None:
    table = tables.summary({"b": [{"accuracy": 1 / 3, "nmi": None}], "a": [{"accuracy": math.nan}]})
    assert json.dumps(tables.nested(table), allow_nan=False) == '{"b": {"accuracy": 0.333333}, "a": {}}'


def test_metrics_tell_the_spread_of_the_figures_that_curves_are_made_of() -> None:
    table = tables.summary({"m": [{"accuracy": 0.5, "nmi": 0.1}, {"accuracy": 0.6, "nmi": 0.2}]})
    assert tables.nested(table)["m"] == {
        "accuracy": 0.55,
        "accuracy_std": pytest.approx(0.070711),
        "accuracy_n": 2,
        "nmi": 0.15,
    }
    json.dumps(tables.nested(table), allow_nan=False)


def test_accuracies_and_macro_f1_are_shares() -> None:
    shares = ["accuracy", "accuracy_std", "knn_accuracy", "accuracy/pets", "validation_accuracy_last", "macro_f1"]
    assert all(map(tables.is_accuracy, shares))
    assert all(map(tables.is_share, [*shares, "known_kept", "coverage"]))
    assert not tables.is_accuracy("known_kept")
    assert not any(map(tables.is_share, ["nmi", "accuracy_n", "epochs", "labels_told"]))


def test_wide_has_a_row_for_each_model_and_mean_std_n_of_each_figure(table: pd.DataFrame) -> None:
    wide = tables.wide(table, "model")
    assert list(wide["model"]) == ["b", "a"]
    assert list(wide.columns[1:4]) == ["accuracy", "accuracy_std", "accuracy_n"]
    assert wide.loc[0, "accuracy"] == 0.4
    assert wide.loc[1, "nmi_n"] == 0
    assert math.isnan(float(wide.loc[1, "nmi"]))  # type: ignore[arg-type]


def test_curves_keep_measured_epochs_only() -> None:
    history = pd.DataFrame(
        {"epoch": [1, 2, 3], "labels_told": [5, 10, 20], "validation_accuracy": [None, 0.4, 0.5], "loss": [3, 2, 1]}
    )
    curves = tables.curves({("m", 0): history, ("m", 1): history})
    assert list(curves.columns) == ["model", "seed", "epoch", "round", "labels_told", "accuracy"]
    assert curves["round"].isna().all()
    assert curves.drop(columns="round").values.tolist() == [
        ["m", 0, 2, 10, 0.4],
        ["m", 0, 3, 20, 0.5],
        ["m", 1, 2, 10, 0.4],
        ["m", 1, 3, 20, 0.5],
    ]


def test_curves_keep_rounds() -> None:
    history = pd.DataFrame({"epoch": [1, 2], "round": [1, 2], "labels_told": [5, 10], "validation_accuracy": 0.5})
    curves = tables.curves({("asks", 0): history, ("told", 0): history.drop(columns="round")})
    assert curves.loc[curves["model"] == "asks", "round"].tolist() == [1, 2]
    assert curves.loc[curves["model"] == "told", "round"].isna().all()


def test_per_class_means_over_seeds_and_marks_what_is_missing() -> None:
    seeds = [{"cat": {"test_accuracy": 0.2}, "dog": {"test_accuracy": None}}, {"cat": {"test_accuracy": 0.4}}]
    found = tables.per_class({"m": seeds}, ["cat", "dog"])
    assert found.loc["m", "cat"] == pytest.approx(0.3)
    assert math.isnan(float(found.loc["m", "dog"]))  # type: ignore[arg-type]


def test_rows_write_spread_only_where_there_is_one(table: pd.DataFrame) -> None:
    columns = [Column("accuracy", "test (%)"), Column("nmi", "NMI", digits=3), Column("absent", "no")]
    assert tables.rows(table, columns, "model") == [
        ["model", "test (%)", "NMI"],
        ["b", "40.00 ± 26.46", "0.250"],
        ["a", "70.00", "–"],
    ]


@pytest.mark.parametrize(
    ("mean", "spread", "column", "expected"),
    [
        (45000.0, 0.0, Column("labels", "labels", digits=0), "45,000"),
        (45000.0, 12.4, Column("labels", "labels", digits=0), "45,000 ± 12"),
        (math.nan, math.nan, Column("ari", "ARI"), "–"),
        (0.5, 0.0, Column("ari", "ARI"), "0.50 ± 0.00"),
    ],
)
def test_values_as_people_read_them(mean: float, spread: float, column: Column, expected: str) -> None:
    assert tables.value(mean, spread, column) == expected


def test_markdown_is_aligned_and_escapes_bars() -> None:
    text = tables.markdown([["model", "test"], ["a|b", "59.18"]])
    assert text.splitlines() == ["| model |  test |", "| ----- | ----: |", "| a\\|b  | 59.18 |"]


@pytest.mark.parametrize(
    ("name", "written"),
    [("$1_$5", r"\$1\_\$5"), ("_a_", r"\_a\_"), ("margin_probe", "margin_probe"), ("<b>*`[x]", r"\<b>\*\`\[x]")],
)
def test_names_stand_in_markdown_as_they_are(name: str, written: str) -> None:
    assert tables.markdown([["model"], [name]]).splitlines()[2] == f"| {written} |"
