"""Frozen classes behave as the standard library's frozen dataclasses do."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass

import pytest

from gradwright.frozen import fields, frozen, replace


@frozen
class Point:
    x: int
    y: int = 2


@frozen
class Named(Point):
    name: str = "p"


@frozen(eq=False, slots=True)
class Slotted:
    value: int

    def __post_init__(self) -> None:
        assert self.value


@frozen(kw_only=True)
class ByName:
    value: int = 1
    other: int


@dataclass(frozen=True)
class Standard:
    x: int
    y: int = 2


def test_fields_are_given_in_order_those_of_the_base_first() -> None:
    assert fields(Named(1)) == ("x", "y", "name") == Named.__match_args__
    assert (Named(1).y, Named(1, 5).y, Named(1, name="q").name) == (2, 5, "q")
    assert ByName(other=3).value == 1
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        ByName(1, 2)  # pyright: ignore[reportCallIssue]


def test_equality_hash_and_text_are_those_of_the_fields_and_the_class() -> None:
    assert Point(1) == Point(1, 2) != Point(2)
    assert Point(1, 2) != Named(1, 2)
    assert Point(1) != Standard(1)
    assert len({Point(1), Point(1), Named(1)}) == 2
    assert Slotted(1) != Slotted(1)
    assert repr(Point(1)) == repr(Standard(1)).replace("Standard", "Point")


def test_nothing_can_be_changed_but_another_made() -> None:
    for point in (Point(1), Slotted(1)):
        with pytest.raises(AttributeError, match="cannot be changed"):
            point.x = 3  # type: ignore[union-attr, misc]
        with pytest.raises(AttributeError, match="cannot be changed"):
            del point.x  # type: ignore[union-attr]
    assert replace(Named(1), y=7) == Named(1, 7)
    for same in (copy.copy, copy.deepcopy, lambda point: pickle.loads(pickle.dumps(point))):
        assert same(Named(1, 3, "q")) == Named(1, 3, "q")
        assert same(Slotted(4)).value == 4


def test_slots_are_all_there_is_and_what_follows_an_instance_is_run() -> None:
    assert not hasattr(Slotted(1), "__dict__")
    with pytest.raises(AssertionError):
        Slotted(0)


def test_patterns_take_fields_by_place_and_by_name() -> None:
    match Named(1, 2, "q"):
        case Named(x, y, name="q"):
            assert (x, y) == (1, 2)
        case _:
            pytest.fail("no pattern fits")
