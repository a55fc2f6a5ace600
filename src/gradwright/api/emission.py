"""A derivation as source code: the module, its tests, and the same module live."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

from gradwright.errors import DerivationError, EmissionError

if TYPE_CHECKING:
    from gradwright.api.derivation import Derivation
    from gradwright.back.torch import Asked


PLAIN = ("numpy", "jax")


def source(derivation: Derivation, target: str, name: str | None) -> str:
    """The text of a module."""
    if target in PLAIN:
        _require_no_name(name, target)
        from gradwright.api.compiled import library_of
        from gradwright.api.plain_modules import plain_source

        return plain_source(derivation, library_of(target))
    from gradwright.back.torch import module_text

    _require_torch(target)
    return module_text(_asked(derivation, name))


def tests(derivation: Derivation, target: str, module: str, name: str | None) -> str:
    """The text of the pytest file of a module of that name."""
    from gradwright.back.torch import tests_text

    _require_torch(target)
    if not module.isidentifier() or iskeyword(module):
        raise EmissionError(f"'{module}' cannot be imported: a module is called by an identifier")
    return tests_text(_asked(derivation, name), module)


def function(derivation: Derivation, target: str, name: str | None) -> Callable[..., Any]:
    """The function of the module, live: the same one whenever the same is asked."""
    if target in PLAIN:
        _require_no_name(name, target)
        from gradwright.api.compiled import library_of
        from gradwright.api.plain_modules import plain_function

        return plain_function(derivation, library_of(target))
    _require_torch(target)
    return _live(_asked(derivation, name))


@lru_cache(maxsize=128)
def _live(asked: Asked) -> Callable[..., Any]:
    from gradwright.back.code.live import load_source
    from gradwright.back.torch import module_text

    bound: dict[str, Callable[..., Any]] = {}
    text = module_text(asked, bound)
    return load_source(text, asked.name, bound)[asked.name]


def _require_no_name(name: str | None, target: str) -> None:
    if name is not None:
        raise EmissionError(f"the functions of a module for {target} are called value, jvp, …, and take no other name")


def _asked(derivation: Derivation, name: str | None) -> Asked:
    from gradwright.back.torch import Asked, function_name, require_free

    outputs, signature = derivation.outputs, derivation.signature
    if all(e.is_constant for e in outputs.values()):
        written = ", ".join(e.written for e in outputs.values())
        raise EmissionError(f"the variables of '{written}' cancel: what is left is a constant, and no function of them")
    if name is None:
        name = function_name({key: e.node for key, e in outputs.items()}, signature.names)
    else:
        require_free(name, signature.names)
    title = f"{', '.join(e.written for e in outputs.values())}, with its derivatives."
    nodes = tuple((key, e.node) for key, e in outputs.items())
    return Asked(name, signature.symbols, nodes, title, _told(derivation))


def _told(derivation: Derivation) -> str:
    """The derivation; where names stand in its way, why there is none."""
    try:
        return str(derivation)
    except DerivationError as error:
        return f"The derivation cannot be written out: {error}."


def _require_torch(target: str) -> None:
    if target != "torch":
        raise EmissionError(f"there is no target '{target}'; there is torch, and numpy and jax for source and function")
