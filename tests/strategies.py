"""Random expressions over the whole language.

A grammar in data: a nonterminal is written like a declaration, `<n m>` for a matrix expression,
`<n n spd>` for one that is positive definite whatever its variables are, `<n complex>` for a complex
vector. Productions for `d` and `e` hold for every pair of dimensions. The expressions are well-shaped;
where they have no value (an overflow, a singular matrix) is for the test to find out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

VARIABLES: Mapping[str, str] = {
    "a": "", "b": "", "c": "positive", "x": "n", "y": "m", "v": "n", "u": "n positive", "X": "n n", "Y": "n n",
    "A": "n m", "B": "m n", "E": "m m", "C": "m k", "S": "n n symmetric", "K": "n n spd", "L": "n n lower",
    "R": "n n unit_upper", "D": "n n diagonal", "W": "n n skew", "Q": "n n orthogonal", "P": "n m positive",
    "T": "n m k", "Z": "n n complex", "z": "n complex", "H": "n n complex hermitian", "w": "3",
}  # fmt: skip

SMOOTH = "sin cos tanh sigmoid arctan erf softplus square".split()
KINKED = "abs relu sign".split()

# Productions that hold for every shape: elementwise functions, sums and multiples.
EVERYWHERE = [
    "<·> + <·>", "<·> - <·>", "<·> * <·>", "-<·>", "<> * <·>", "<·> / (2 + <· nonnegative>)", "2 * <·>", "<·> / 3",
    "1/2 * <·> + <·>", "<·> ** 2", "<·> ** 3", "sqrt(<· positive>)", "<· positive> ** (3/2)", "log(<· positive>)",
    "log1p(<· nonnegative>)", "exp(tanh(<·>))", "expm1(sin(<·>))", "reciprocal(<· positive>)",
    *(f"{name}(<·>)" for name in SMOOTH),
    *(f"{name}(<·>)" for name in KINKED),
    "maximum(<·>, <·>)", "minimum(<·>, <·>)", "where(<·> > <·>, <·>, <·>)", "<· positive> ** <·>",
    "real(<· complex>)", "imag(<· complex>)", "log(1 + exp(<·>))", "1 / (1 + exp(-<·>))", "abs(<· complex>)",
]  # fmt: skip
POSITIVE = [
    "exp(tanh(<·>))",
    "1 + <·> ** 2",
    "sigmoid(<·>)",
    "<· positive> + <· positive>",
    "<· positive> * <· positive>",
]
NONNEGATIVE = ["<·> ** 2", "<· positive>", "abs(<·>)", "<· nonnegative> + <· nonnegative>"]
COMPLEX = [
    "<· complex> + <· complex>", "<· complex> - <·>", "<·> * <· complex>", "conj(<· complex>)",
    "<· complex> * <· complex>",
    "-<· complex>", "<· complex> ** 2", "sin(<· complex>)", "exp(<· complex> / 4)",
]  # fmt: skip

GRAMMAR: dict[str, list[str]] = {
    "": [
        "a", "b", "c", "2", "0.5", "n", "pi", "trace(<n n>)", "det(<n n>)", "logdet(<n n spd>)",
        "log(det(<n n spd>))",
        "slogdet(<n n>).logabsdet", "norm(<n>)", "norm(<n m>)", "norm(<n>) ** 2", "norm(<n complex>)", "sum(<n>)",
        "sum(<n m>)", "mean(<n m>)", "mean(<m>)", "dot(<n>, <n>)", "max(<n>)", "min(<m>)", "logsumexp(<n>)",
        "logsumexp(<n m>)", "log(sum(exp(<n>)))", "<n> @ <n>", "<n> @ <n n> @ <n>", "<n>[0]", "<n m>[0, 1]",
        "<n>[-1]", "trace(<n n> @ <n n>.T)", "sum(<n m> * <n m>)", 'einsum("ij,ij->", <n m>, <n m>)', "w[1] * <>",
        'einsum("ijk,ijk->", <n m k>, <n m k>)', "sum(<n m k>)", "variable_power(<positive>, <>)",
    ],
    "d": [
        "<d e> @ <e>", "<e> @ <e d>", "<d d> @ <d>", "diagonal(<d d>)", "<d e>[:, 0]", "<e d>[1, :]",
        "sum(<d e>, axis=1)", "mean(<e d>, axis=0)", "max(<d e>, axis=1)", "logsumexp(<d e>, axis=1)",
        "norm(<e d>, axis=0)", "cumsum(<d>)", "softmax(<d>)", "log_softmax(<d>)", "exp(<d>) / sum(exp(<d>))",
        "solve(<d d spd>, <d>)", "ones(d)", "zeros(d)", "<d e> @ <e d> @ <d>", 'einsum("ij,j->i", <d e>, <e>)',
        "outer(<d>, <e>) @ <e>", "diag(<d>) @ <d>", "reshape(kron(<e>, <d>), e, d)[0, :]",
        "kron(<e e>, <d d>) @ vec(<d e>) @ kron(ones(e, 1), eye(d))", "lstsq(<d d spd>, <d>)",
        "concatenate(<d>[1:], <d>[:1])", "concatenate(<e>, <d>)[e:]", "vec(<d e>)[:d]", "kron(<d>, <e>)[:d]",
    ],
    "d e": [
        "<d e> @ <e e>", "<d d> @ <d e>", "<e d>.T", "outer(<d>, <e>)", "diag(<d>) @ <d e>",
        "solve(<d d spd>, <d e>)",
        "cumsum(<d e>, axis=0)", "softmax(<d e>, axis=1)", "log_softmax(<d e>, axis=0)", "ones(d, e)",
        'einsum("ij,kj->ik", <d n>, <e n>)', "transpose(<e d>)", "<d d spd> @ <d e>", "tril(<d e>)", "triu(<d e>)",
        "inv(<d d spd>) @ <d e>", "reshape(vec(<e d>), d, e)", "reshape(<e d>, d, e)", "zeros(d, e) + <d e>",
        "block([[<e d>, <e e>], [<d d>, <d e>]])[e:, d:]", "kron(<d e>, <e e>)[:d, :e]",
        "reshape(concatenate(<d>, vec(<d e>))[d:], e, d).T", "concatenate(<d e>[1:, :], <d e>[:1, :])",
        "reshape(kron(<d d>, <e e>) @ vec(<e d>), d, e)",
    ],
    "d d": [
        "<d d> @ <d d>", "inv(<d d>)", "inv(<d d> @ <d d>)", "<d d spd>", "<d d symmetric>", "eye(d)", "diag(<d>)",
        "tril(<d d>)", "triu(<d d>)", "tril(<d d>, -1)", "triu(<d d>, 1)", "matrix_power(<d d>, 3)",
        "matrix_power(<d d>, -2)", "<d d> + <d d>.T", "outer(<d>, <d>)", "<d e> @ <e d>",
    ],
    "d d symmetric": ["<d d> + <d d>.T", "<d d spd>", "outer(<d>, <d>) + outer(<d>, <d>).T", "<d e> @ <d e>.T"],
    "d d spd": [
        "<d d> @ <d d>.T + eye(d)", "inv(<d d spd>)", "<d d spd> + <d d spd>", "eye(d)", "diag(<d positive>)",
        "<d e> @ <d e>.T + 2 * eye(d)",
    ],
    "n n": [
        "X", "Y", "S", "K", "L", "R", "D", "W", "Q", "solve(<n n>, <n n>)", "adjugate(X)", "pinv(<n n spd>)",
        "solve_triangular(L, <n n>)", "cholesky_solve(<n n>, L)", "qr(X).R", "inv(Q) @ <n n>", "Q.T @ <n n> @ Q",
        "lu(K).L", "ldl(K).D", "polar(X).P", "pinv(<n n>)",
    ],
    "n n symmetric": ["S", "K", "D", "Q @ D @ Q.T"],
    "n n spd": ["K", "inv(K)", "cholesky(K) @ cholesky(K).T", "c * K", "sqrtm(K)"],
    "n": ["x", "v", "u", "eigvalsh(S)", "svdvals(X)", "eigh(K).eigenvalues", "lstsq(A @ A.T + K, x)",
        "concatenate(x)[:]"],
    "m": ["y", "lstsq(A, x)", "vec(C[:, 0:1])"],
    "n m": ["A", "B.T", "P", "solve(X, A)", "pinv(B)", 'einsum("ijk,k->ij", T, ones(k))', "sum(T, axis=2)"],
    "m n": ["B", "A.T", "pinv(A)", "lstsq(A, X)"],
    "m m": ["E", "A.T @ A", "C @ C.T"],
    "n m k": [
        "T", "outer(A, ones(k))", "outer(x, C)", "<n m k> + <n m k>", "<n m k> * <n m k>", "<> * <n m k>",
        "tanh(<n m k>)",
        'einsum("ij,jkl->ikl", <n n>, <n m k>)', "softmax(<n m k>, axis=1)", "cumsum(T, axis=2)",
    ],
    "positive": ["c"],
    "n positive": ["u"],
    "n m positive": ["P"],
    "complex": ["trace(Z)", "det(Z)", "sum(z)", "dot(z, conj(z))", "trace(<n n complex>)",
        "<n complex> @ <n complex>"],
    "n complex": ["z", "<n n complex> @ <n complex>", "diagonal(<n n complex>)", "<n n> @ <n complex>",
        "solve(Z, z)"],
    "n n complex": [
        "Z", "H", "Z.H", "<n n complex> @ <n n complex>", "inv(Z)", "<n n complex>.H", "<n n complex>.T",
        "outer(z, conj(z))",
        "<n n> @ <n n complex>", "tril(<n n complex>)", "diag(<n complex>)",
    ],
    "m complex": ["<m n> @ <n complex>"],
    "n m complex": ["<n n complex> @ <n m>"],
    "m n complex": ["<m n> @ <n n complex>"],
    "m m complex": ["<m n> @ <n n complex> @ <n m>"],
}  # fmt: skip
SHAPES = ("", "n", "m", "n m", "m n", "n n", "m m", "n m k")
DEEPEST = 3
SLOT = re.compile(r"<([^<>]*)>")
ATOM = re.compile(r"[A-Za-z_]\w*|[\d.]+|[A-Za-z_]\w*\([^()]*\)")


@dataclass(frozen=True)
class Case:
    """A text of the language, and the declarations of the variables in it."""

    text: str
    declarations: Mapping[str, str] = field(default_factory=dict[str, str])


def productions(wanted: str) -> list[str]:
    """Everything that a nonterminal can become."""
    words = wanted.split()
    dims = [word for word in words if word in ("n", "m", "k")]
    kind = " ".join(word for word in words if word not in dims)
    found = list(GRAMMAR.get(wanted, []))  # the simplest first: failures shrink towards it
    common = {"": EVERYWHERE, "positive": POSITIVE, "nonnegative": NONNEGATIVE, "complex": COMPLEX}.get(kind, [])
    found += [text.replace("·", " ".join(dims)) for text in common]
    for pattern in ("d", "d e", "d d"):
        key = f"{pattern} {kind}".strip()
        if key in GRAMMAR and _fits(pattern, dims):
            found += [_instance(text, dims) for text in GRAMMAR[key]]
    return found


def _fits(pattern: str, dims: Sequence[str]) -> bool:
    places = pattern.split()
    return len(places) == len(dims) and (pattern != "d d" or dims[0] == dims[1])


def _instance(text: str, dims: Sequence[str]) -> str:
    second = dims[1] if len(dims) > 1 else ("m" if dims[0] == "n" else "n")
    return re.sub(r"\b[de]\b", lambda match: dims[0] if match.group() == "d" else second, text)


def _leaves(wanted: str) -> list[str]:
    flat = [text for text in productions(wanted) if "<" not in text]
    return flat or productions(wanted)


@st.composite
def texts(draw: st.DrawFn, wanted: str, depth: int = DEEPEST) -> str:
    """A text for a nonterminal."""
    pool = _leaves(wanted) if depth <= 0 else productions(wanted)
    text = draw(st.sampled_from(pool))

    def fill(match: re.Match[str]) -> str:
        part = draw(texts(match.group(1), depth - 1))
        return part if ATOM.fullmatch(part) else f"({part})"

    return SLOT.sub(fill, text)


@st.composite
def cases(draw: st.DrawFn, shapes: Sequence[str] = SHAPES, depth: int = DEEPEST) -> Case:
    """An expression of one of the shapes with the declarations of its variables."""
    text = draw(texts(draw(st.sampled_from(shapes)), draw(st.integers(0, depth))))
    return Case(text, declarations_of(text))


def declarations_of(text: str) -> dict[str, str]:
    """The declarations of the variables in a text; a dimension that nothing else has brings one that has it."""
    names = set(re.findall(r"[A-Za-z_]\w*", text))
    used = {name: d for name, d in VARIABLES.items() if name in names}
    carried = {word for d in used.values() for word in d.split()}
    for dim, name in (("n", "x"), ("m", "y"), ("k", "C")):
        if dim in names and dim not in carried:
            used[name] = VARIABLES[name]
    return used
