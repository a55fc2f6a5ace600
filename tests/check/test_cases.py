"""The collections of wrong gradients: each is to be named, and no right one is to be blamed."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import gradwright as gw

DATA = Path(__file__).parents[1] / "data"
WANTED = 0.9


def rows(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def report_of(row: dict[str, Any]) -> Any:
    names: dict[str, Any] = {"torch": torch}
    exec(row["backward"], names)
    return gw.check((None, names["backward"]), row["expression"], wrt=row["wrt"], variables=row["variables"])


def is_right(row: dict[str, Any], report: Any) -> bool:
    """One label of every defect is named, and none that is not among the row's."""
    named = all(set(defect) & report.labels for defect in row["defects"])
    return named and report.labels <= set(row["labels"]) and report.right == (not row["labels"])


def misses(chosen: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in chosen if not is_right(row, report_of(row))]


@pytest.mark.slow
def test_nine_in_ten_wrong_gradients_are_named() -> None:
    wrong = [row for row in rows("wrong_gradients.jsonl") if row["labels"]]
    missed = misses(wrong)
    assert len(missed) <= (1 - WANTED) * len(wrong), missed


@pytest.mark.slow
def test_of_the_second_collection_a_part_is_named() -> None:
    wrong = [row for row in rows("more_wrong_gradients.jsonl") if row["labels"]][::11]
    missed = misses(wrong)
    assert len(missed) <= (1 - WANTED) * len(wrong), missed


@pytest.mark.full
def test_of_the_second_collection_nine_in_ten_are_named() -> None:
    wrong = [row for row in rows("more_wrong_gradients.jsonl") if row["labels"]]
    missed = misses(wrong)
    assert len(missed) <= (1 - WANTED) * len(wrong), missed


@pytest.mark.sampled
@pytest.mark.parametrize("row", rows("named_wrong_gradients.jsonl"), ids=lambda r: r["id"])
def test_a_mistake_has_the_name_that_a_person_would_give_it(row: dict[str, Any]) -> None:
    report = report_of(row)
    assert is_right(row, report), str(report)


RIGHT = [r for name in ("wrong_gradients.jsonl", "more_wrong_gradients.jsonl") for r in rows(name) if not r["labels"]]


@pytest.mark.slow
@pytest.mark.parametrize("row", RIGHT, ids=lambda r: r["id"])
def test_no_right_gradient_is_blamed(row: dict[str, Any]) -> None:
    report = report_of(row)
    assert report.right and not report.labels, str(report)
