"""Frozen classes: what `dataclasses.dataclass(frozen=True)` makes, in an eighth of its time.

The standard decorator writes six functions for every class and compiles each by itself, a millisecond together. The
first derivative needs nearly a hundred classes, and making them took longer than all of its mathematics. Here one
function is compiled for a class, `__init__`; the others are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import get_annotations
from typing import Any, NoReturn, TypeVar, dataclass_transform, overload

R = TypeVar("R")
REQUIRED = object()


@overload
def frozen(cls: type[R], /) -> type[R]: ...
@overload
def frozen(*, eq: bool = True, slots: bool = False, kw_only: bool = False) -> Callable[[type[R]], type[R]]: ...


@dataclass_transform(frozen_default=True)
def frozen(
    cls: type[R] | None = None, /, *, eq: bool = True, slots: bool = False, kw_only: bool = False
) -> type[R] | Callable[[type[R]], type[R]]:
    """A class whose annotated names are its fields, set once when an instance is made.

    Args:
        cls: the class; its bases' fields come first.
        eq: whether instances with equal fields are equal; otherwise the class says itself what is.
        slots: whether instances have slots for the fields, and nothing else.
        kw_only: whether the fields are given by keyword.
    """

    def made(cls: type[R]) -> type[R]:
        return _frozen(cls, eq, slots, kw_only)

    return made if cls is None else made(cls)


def fields(instance: object) -> tuple[str, ...]:
    """The names of its fields, in order."""
    return tuple(_fields(type(instance)))


def replace(instance: R, /, **changes: Any) -> R:
    """The same with other values for some fields."""
    return type(instance)(**{name: getattr(instance, name) for name in _fields(type(instance))} | changes)


def _frozen(cls: type[R], eq: bool, slots: bool, kw_only: bool) -> type[R]:
    own = {name: cls.__dict__.get(name, REQUIRED) for name in get_annotations(cls)}
    found = {**_fields(cls), **own}
    made = {
        "__fields__": found, "__match_args__": tuple(found), "__init__": _initialiser(cls, found, kw_only),
        "__setattr__": _refused, "__delattr__": _refused, "__reduce__": _reduce,
    }  # fmt: skip
    made |= {"__repr__": _repr} if "__repr__" not in cls.__dict__ else {}
    made |= {"__eq__": _equal, "__hash__": _hash} if eq else {}
    if slots:
        members = {
            name: member for name, member in cls.__dict__.items() if name not in (*own, "__dict__", "__weakref__")
        }
        return type(cls)(cls.__name__, cls.__bases__, {**members, **made, "__slots__": tuple(own)})
    for name, member in made.items():
        setattr(cls, name, member)
    return cls


def _fields(cls: type) -> dict[str, Any]:
    """The default of every field; `REQUIRED` where there is none."""
    return getattr(cls, "__fields__", {})


def _initialiser(cls: type, found: dict[str, Any], kw_only: bool) -> Callable[..., None]:
    parameters = [name if default is REQUIRED else f"{name}=_fields['{name}']" for name, default in found.items()]
    lines = [f"_set(self, '{name}', {name})" for name in found]
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    star = ["*"] if kw_only else []
    text = f"def __init__({', '.join(['self', *star, *parameters])}):\n " + "\n ".join(lines or ["pass"])
    scope: dict[str, Any] = {"_set": object.__setattr__, "_fields": found}
    exec(text, scope)  # the names are identifiers: they were written as annotations
    initialiser = scope["__init__"]
    initialiser.__qualname__ = f"{cls.__qualname__}.__init__"
    initialiser.__module__ = cls.__module__
    return initialiser


def _values(instance: object) -> tuple[Any, ...]:
    return tuple([getattr(instance, name) for name in _fields(type(instance))])


def _repr(self: object) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _fields(type(self)))
    return f"{type(self).__qualname__}({shown})"


def _equal(self: object, other: object) -> bool:
    return _values(self) == _values(other) if type(self) is type(other) else NotImplemented


def _hash(self: object) -> int:
    return hash(_values(self))


def _reduce(self: object) -> tuple[Any, ...]:
    """For copies and pickles: made again from the fields that are no defaults, which need not have pickles."""
    values = [(name, getattr(self, name), default) for name, default in _fields(type(self)).items()]
    return _remade, (type(self), {name: value for name, value, default in values if value is not default})


def _remade(cls: type[R], given: dict[str, Any]) -> R:
    return cls(**given)


def _refused(self: object, name: str, *value: object) -> NoReturn:
    raise AttributeError(f"'{name}' of a {type(self).__name__} cannot be changed: make another with replace()")
