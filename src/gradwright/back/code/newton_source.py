"""Newton's method on the identity that defines a function, as NumPy code for an emitted module.

The unknowns' entries are all free, and what their sets demand (triangular, symmetric, orthonormal columns) is
added to the equations; the steps are those of Gauss and Newton, of least norm, with the derivative of the
equations written out. So the code does what `define` does without a forward function. A complex unknown is solved
for as its real and its imaginary part, and a complex equation is two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from gradwright.back.code.library import Library
from gradwright.back.code.lower import lower
from gradwright.back.code.names import unused
from gradwright.back.code.numpy_library import NUMPY
from gradwright.back.code.program import Foreign, Program, statement_lines
from gradwright.back.code.size_checks import size_text
from gradwright.core.build import adjoint, constant, diagonal, identity, masked, matmul, multiply, ones, transpose
from gradwright.core.nodes import Node, Symbol
from gradwright.core.sums import add, subtract
from gradwright.core.walks import substitute
from gradwright.diff.differential import differential, direction
from gradwright.diff.identities.problem import Problem
from gradwright.errors import EmissionError
from gradwright.front.define import BUILT_IN
from gradwright.front.newton import NewtonSolver
from gradwright.linear.forms import jacobian
from gradwright.optimise import optimise
from gradwright.prims.complex import real
from gradwright.simplify.pipeline import simplify

NEWTON = '''
def _newton(
    equations: Callable[..., Any], inside: Callable[..., bool], start: list[np.ndarray]
) -> tuple[list[np.ndarray], float]:
    """Gauss-Newton steps of least norm, halved where they do not help, or leave the set in which they began.

    Where no part of a step helps, as at a minimum of what the equations miss, a few steps are taken all the same.
    """
    values, guarded, leaps = start, inside(*start), 5
    with np.errstate(all="ignore"):
        gaps, slopes = equations(*values)
    for _ in range(100):
        if not (np.isfinite(gaps).all() and np.isfinite(slopes).all()):  # no value there
            return values, float("inf")
        size = np.abs(gaps).max(initial=0)
        step = np.linalg.lstsq(slopes, -gaps, rcond=None)[0]
        ends = np.cumsum([x.size for x in values])[:-1]
        parts = [part.reshape(x.shape) for part, x in zip(np.split(step, ends), values, strict=True)]
        length = sum(float(np.linalg.norm(x)) for x in values)
        leap = min(1.0, 3 * length / max(float(np.linalg.norm(step)), 1e-300))
        for scale in [*(0.5**k for k in range(30)), leap][: 30 + (leaps > 0)]:
            trial = [x + scale * part for x, part in zip(values, parts, strict=True)]
            if guarded and not inside(*trial):
                continue
            with np.errstate(all="ignore"):
                found = equations(*trial)
            if np.abs(found[0]).max(initial=0) < size:
                break
        else:
            leaps -= 1
            if leaps < 0 or (guarded and not inside(*trial)):
                break
        values, (gaps, slopes) = trial, found
    return values, float(np.abs(gaps).max(initial=0)) / (1 + max(np.abs(x).max(initial=0) for x in values))
'''
STARTS = '''
def _starts(first: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Starting points: the first, zeros, and a few random ones."""
    yield first
    yield [np.zeros(x.shape) for x in first]
    for seed in range(5):
        generator = np.random.default_rng(seed)
        yield [generator.normal(size=x.shape) for x in first]
'''


def newton_texts(solver: NewtonSolver, name: str, foreign_texts: Callable[[Foreign, Library], list[str]]) -> list[str]:
    """The texts of a function of NumPy arrays, of the given name, that solves the identity.

    Args:
        solver: the identity, and where to start.
        name: the function's name.
        foreign_texts: the texts of a function of a library, or again of one like this, that the equations call.

    Raises:
        EmissionError: the starting point is a Python object.
    """
    problem = solver.problem
    if solver.start is not None and not solver.start_name:
        raise EmissionError(
            f"{problem.name} is solved by Newton's method from a starting point that is a Python object, which no file "
            f'can contain: give start= a dotted name such as "numpy.copy", or use function("torch") in this process'
        )
    parts = _parts_of_unknowns(problem)
    gaps = _gaps(problem, parts)
    program = _program(problem, parts, gaps)
    foreign = [text for function in program.foreign for text in foreign_texts(function, NUMPY)]
    equations = _equations(parts, program, len(gaps), name)
    functions = [equations, _inside(parts, program, name), _solver(solver, parts, name)]
    texts = [*foreign, *program.helpers.values(), NEWTON, *([] if solver.start_name else [STARTS]), *functions]
    module = solver.start_name.rpartition(".")[0]
    imports = [f"import {module}"] if module not in ("", "numpy") else []
    return [*dict.fromkeys([*NUMPY.import_lines("\n".join(texts)), *imports]), *texts]


Parts = Mapping[Symbol, tuple[Symbol, ...]]


def _parts_of_unknowns(problem: Problem) -> Parts:
    """What each unknown is solved for as: itself, its entries all free; of a complex one both parts."""
    taken = [s.name for s in (*problem.unknowns, *problem.givens)]
    found: dict[Symbol, tuple[Symbol, ...]] = {}
    for unknown in problem.unknowns:
        names = [unknown.name] if unknown.real else [unused(f"{unknown.name}_{part}", taken) for part in ("re", "im")]
        taken += names
        found[unknown] = tuple(Symbol(name, unknown.shape) for name in names)
    return found


def _whole(unknown: Symbol, parts: Parts) -> Node:
    """The unknown, from what it is solved for as."""
    first, *second = parts[unknown]
    return add([first, *(multiply(constant("i"), part) for part in second)])


def _gaps(problem: Problem, parts: Parts) -> list[Node]:
    """What is zero at a solution: the equations, and what the unknowns' sets demand; real numbers."""
    opaque: dict[Node, Node] = {u: _whole(u, parts) for u in problem.unknowns}
    found = [substitute(subtract(e.left, e.right), opaque) for e in problem.equations]
    found += [gap for unknown in problem.unknowns for gap in _demands(unknown, opaque[unknown])]
    return [part for gap in found for part in ([gap] if gap.real else [real(gap), real(multiply(constant("i"), gap))])]


def _demands(unknown: Symbol, free: Node) -> Iterator[Node]:
    facts = unknown.facts
    if "stiefel" in facts:
        yield subtract(matmul(adjoint(free), free), identity(free.shape[1]))
    if "lower" in facts:
        yield masked(free, 0, 0, 1)
    if "upper" in facts:
        yield masked(free, 1, 0, 0)
    if "unit_diagonal" in facts:
        yield subtract(diagonal(free), ones(free.shape[:1]))
    if "symmetric" in facts and "diagonal" not in facts:
        yield subtract(free, transpose(free))
    if "hermitian" in facts and not unknown.real:
        yield subtract(free, adjoint(free))
    if "skew" in facts:
        yield add([free, transpose(free)])


def _program(problem: Problem, parts: Parts, gaps: Sequence[Node]) -> Program:
    """The gaps, and the derivative of each in all that is solved for."""
    unknowns = _solved_for(parts)
    roots = {f"gap{k}": gap for k, gap in enumerate(gaps)}
    for k, gap in enumerate(gaps):
        for unknown in unknowns:
            move = direction(unknown)
            slope = jacobian(simplify(differential(gap, {unknown: move})), move)
            roots[f"slope{k} {unknown.name}"] = simplify(slope)
    # A function of a module may have the name of a function of the language, which is another one there.
    return lower(optimise(roots), NUMPY, inputs=[*unknowns, *problem.givens], names=("np", *sorted(BUILT_IN)))


def _solved_for(parts: Parts) -> list[Symbol]:
    return [part for own in parts.values() for part in own]


def _equations(parts: Parts, program: Program, count: int, name: str) -> str:
    """A function of all symbols to the gaps, end to end, and the matrix of their derivatives."""
    results = list(program.results.values())
    gaps, slopes = results[:count], results[count:]
    unknowns = [program.parameters[part.name] for part in _solved_for(parts)]
    lines = statement_lines(program.statements)
    lines.append(f"gaps = [{', '.join(f'np.ravel({gap})' for gap in gaps)}]")
    rows: list[str] = []
    for k in range(count):
        own = slopes[k * len(unknowns) : (k + 1) * len(unknowns)]
        blocks = [f"np.reshape({text}, (len(gaps[{k}]), {x}.size))" for text, x in zip(own, unknowns, strict=True)]
        rows.append(f"[{', '.join(blocks)}]")
    lines.append(f"return np.concatenate(gaps), np.block([{', '.join(rows)}])")
    parameters = ", ".join(f"{x}: np.ndarray" for x in program.parameters.values())
    head = f"def {name}_equations({parameters}) -> tuple[np.ndarray, np.ndarray]:"
    told = '    """What the equations miss, and the derivative of that in the unknowns."""'
    return "\n".join([head, told, *(f"    {line}" for line in lines)])


def _inside(parts: Parts, program: Program, name: str) -> str:
    """A function that says whether the unknowns are positive, or positive definite, where they are declared so."""
    names = [program.parameters[part.name] for part in _solved_for(parts)]
    tests: list[str] = []
    for unknown, own in parts.items():
        x, *y = (program.parameters[part.name] for part in own)
        if "positive" in unknown.facts:
            tests.append(f"bool(np.all({x} > 0))")
        if "spd" in unknown.facts:
            turned = f" + 1j * ({y[0]} - {y[0]}.T)" if y else ""
            tests.append(f"bool(np.linalg.eigvalsh({x} + {x}.T{turned})[0] > 0)")
    head = f"def {name}_inside({', '.join(f'{x}: np.ndarray' for x in names)}) -> bool:"
    told = '    """Whether the unknowns are positive, or positive definite, where they are declared so."""'
    return "\n".join([head, told, f"    return {' and '.join(tests) or 'True'}"])


def _solver(solver: NewtonSolver, parts: Parts, name: str) -> str:
    """A function of the givens to the unknowns."""
    problem = solver.problem
    givens = [g.name for g in problem.givens]
    sizes = {
        dim.name: f"{g.name}.shape[{place}]"
        for g in problem.givens
        for place, dim in reversed(list(enumerate(g.shape)))
        if dim.name
    }
    local = unused("found", givens)
    first = [_first(unknown, place, sizes) for unknown, own in parts.items() for place in range(len(own))]
    usual = f"_starts([{', '.join(first)}])"
    lines = [
        f"def {name}({', '.join(f'{g}: np.ndarray' for g in givens)}) -> Any:",
        '    """The solution of the equations by Newton\'s method."""',
        "",
        "    def _at(*_unknowns: np.ndarray) -> Any:",
        f"        return {name}_equations(*_unknowns, {', '.join(givens)})",
        "",
        f"    for _start in {_started(solver, givens) or usual}:",
        "        try:",
        f"            {local}, _size = _newton(_at, {name}_inside, _start)",
        "        except np.linalg.LinAlgError:  # no value there, such as the inverse of zero",
        "            continue",
        f"        if _size < 1e-9 and {name}_inside(*{local}):",
        f"            return {_put_together(parts, local)}",
        f'    raise ValueError("{problem.name}: Newton\'s method found no solution of the equations at this input")',
    ]
    return "\n".join(lines)


def _first(unknown: Symbol, place: int, sizes: Mapping[str, str]) -> str:
    """Where the real part of an unknown (the first), or its imaginary part, starts: at I, 1 or 0."""
    shape = [size_text(dim, sizes) for dim in unknown.shape]
    if place == 0 and unknown.rank == 2 and "positive" not in unknown.facts:
        return f"np.eye({', '.join(shape)})"
    return f"np.{'zeros' if place else 'ones'}({_tuple(shape)})"


def _tuple(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _started(solver: NewtonSolver, givens: Sequence[str]) -> str:
    """The one starting point that was asked for, as the expression of a list; nothing for the usual ones."""
    if not solver.start_name:
        return ""
    name = solver.start_name
    called = f"np.{name.removeprefix('numpy.')}" if name.startswith("numpy.") else name
    call = f"{called}({', '.join(givens)})"
    guesses = call if len(solver.problem.unknowns) > 1 else f"({call},)"
    if all(unknown.real for unknown in solver.problem.unknowns):
        return f"[[np.asarray(_x, dtype=float) for _x in {guesses}]]"
    names = [f"_{place}" for place in range(len(solver.problem.unknowns))]
    both = [f"{part}({x})" for x, u in zip(names, solver.problem.unknowns, strict=True)
            for part in (("np.real",) if u.real else ("np.real", "np.imag"))]  # fmt: skip
    values = f"[np.asarray(_x, dtype=float) for _x in ({', '.join(both)},)]"
    return f"[{values} for {', '.join(names)}, in [{guesses}]]"


def _put_together(parts: Parts, local: str) -> str:
    """The unknowns from the list of what was solved for."""
    texts: list[str] = []
    start = 0
    for own in parts.values():
        texts.append(" + 1j * ".join(f"{local}[{start + place}]" for place in range(len(own))))
        start += len(own)
    return f"({', '.join(texts)})" if len(texts) > 1 else texts[0]
