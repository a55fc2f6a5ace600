"""What a user reads who made a mistake: one paragraph that names the construct, the shapes and what to do."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest
import torch

import gradwright as gw

OF_TEXTS: list[tuple[str, Mapping[str, str], str]] = [
    ("X ^ 2", {"X": "n n"},
     "in 'X ^ 2': '^' is not a power here: write ** for the power of every entry, or matrix_power(X, k) for the power "
     "of a matrix"),
    ("1e999 * x", {"x": "n"},
     "the number 1e999 is too large to be read: sizes from 1e-307 to 1e308 are read"),
    ("x - 2.5e-400 * x", {"x": "n"},
     "the number 2.5e-400 is too small to be read: sizes from 1e-307 to 1e308 are read"),
    ("inverse(X)", {"X": "n n"}, "there is no function 'inverse' in the language; did you mean inv?"),
    ("logdt(X)", {"X": "n n"},
     "there is no function 'logdt' in the language; did you mean logdet or slogdet or log_ndtr?"),
    ("QR(X)", {"X": "n n"}, "there is no function 'QR' in the language; did you mean qr or sqrt?"),
    ("tr(X)", {"X": "n n"}, "there is no function 'tr' in the language; did you mean trace?"),
    ("inv(X)", {"X": "nxn"},
     "in 'inv(X)': inv takes a matrix, but its argument is a vector: nxn (two dimensions are declared as 'n n')"),
    ("silu(x)", {"x": "n"}, "there is no function 'silu' in the language; did you mean x * sigmoid(x)?"),
    ("layer_norm(x)", {"x": "n"},
     "there is no function 'layer_norm' in the language: write it with others, or define it by its equation"),
    ("x.T @ A @ x", {"x": "n", "A": "n n"},
     "in 'x.T': only a matrix has a transpose; this is n, and a vector is neither row nor column: x @ y is xᵀ y, and "
     "outer(x, y) is x yᵀ"),
    ("A.t() @ A", {"A": "n n"}, "'A.t(…)' calls something that is not a function of the language: write A.T"),
    ("A @ B", {"A": "n m", "B": "k p"},
     "in 'A @ B': '@' contracts n × m and k × p, but m and k are different dimensions"),
    ("A + B", {"A": "n m", "B": "m n"},
     "in 'A + B': '+' works entry by entry on n × m and m × n, but n and m are different dimensions"),
    ("inv(A)", {"A": "n m"},
     "in 'inv(A)': inv takes a square matrix, but its argument is n × m: n and m are different dimensions"),
    ("a * x", {},
     "the text does not say whether 'a' is a scalar or a vector or a matrix: declare it, a='' or a='n' or a='n m'"),
    ("x @ 2", {"x": "n"},
     "in 'x @ 2': '@' multiplies matrices and vectors, but one side is a scalar (n and a scalar); write '*' to scale"),
    ("A / B", {"A": "n m", "B": "m m"},
     "in 'A / B': '/' works entry by entry on n × m and m × m, but n and m are different dimensions"),
    ("x / A", {"x": "n", "A": "n n"},
     "in 'x / A': '/' works entry by entry, but the shapes are n and n × n; only scalars are spread: write the "
     "repetition out, for instance outer(ones(n), b)"),
    ("norm(X, 1)", {"X": "n m"},
     "in 'norm(X, 1)': norm is the Euclidean norm, of a matrix that of Frobenius: write axis= by name, and for "
     "other norms sum(abs(x)), max(abs(x)), max(svdvals(X)) or sum(svdvals(X))"),
    ("norm(x, ord=1)", {"x": "n"},
     "in 'norm(x, ord=1)': norm is the Euclidean norm, of a matrix that of Frobenius: write axis= by name, and for "
     "other norms sum(abs(x)), max(abs(x)), max(svdvals(X)) or sum(svdvals(X))"),
    ("vech(A)", {"A": "n m"}, "in 'vech(A)': vech takes a square matrix, but this is n × m"),
    ("polar(A).U", {"A": "2 4"}, "in 'polar(A)': polar takes A: n m with n ≥ m, and this is 2 × 4"),
    ("qr(A.T).R", {"A": "n+1 n"}, "in 'qr(A.T)': qr takes A: n m with n ≥ m, and this is n × (n + 1)"),
    ("qr(block([A, A])).R", {"A": "3 2"}, "in 'qr(block([A, A]))': qr takes A: n m with n ≥ m, and this is 3 × 4"),
    ("complement(A)", {"A": "2 4"}, "in 'complement(A)': complement takes A: n m with n ≥ m, and this is 2 × 4"),
    ("trace(Q @ Q.T)", {"Q": "n 2*n stiefel"},
     "'Q: n 2*n stiefel' has fewer rows than columns, which then cannot be orthonormal"),
    ("", {}, "the expression is empty: write something such as inv(X) @ A"),
    ("   ", {}, "the expression is empty: write something such as inv(X) @ A"),
    ("(" * 10_000 + "x" + ")" * 10_000, {"x": "n"},
     "the expression has more than 200 nested parentheses: write it in pieces"),
    ("-" * 10_000 + "x", {"x": "n"},
     "the expression is nested too deeply to be read: name its parts and write it in pieces"),
    ("x" * 200_000, {}, "the text has 200000 characters; at most 100000 are read"),
    ("X.shape", {"X": "n n"},
     "in 'X.shape': '.shape' is not in the language: a tensor has .T and .H, and a function with several outputs has "
     "one name for each, as in qr(A).Q"),
    ("X.sum()", {"X": "n n"},
     "'X.sum(…)' calls something that is not a function of the language: write sum(X)"),
    ("(X @ w).conj() @ w.sum(axis=0)", {"X": "n n", "w": "n"},
     "'(X @ w).conj(…)' calls something that is not a function of the language: write conj(X @ w)"),
    ("X.T()", {"X": "n n"}, "'X.T(…)' calls something that is not a function of the language: write X.T"),
    ("np.linalg.inv(X)", {"X": "n n"},
     "'np.linalg.inv(…)' calls something that is not a function of the language: write inv(X)"),
    ("lambda * x", {"x": "n"},
     "the text is not an expression near 'lambda * x': 'lambda' is a keyword of Python and cannot be the name of a "
     "variable; choose another name, such as 'lambda_'"),
    ("inv(x)", {"X": "n n"},
     "'x' is not declared, and 'X', which is, does not occur: did you mean 'X'? (declare 'x' too if not)"),
    ("trace(sigam)", {"sigma": "n n"},
     "'sigam' is not declared, and 'sigma', which is, does not occur: did you mean 'sigma'? (declare 'sigam' too if "
     "not)"),
    ("X + Y", {"X": "n n+1", "Y": "n n"},
     "in 'X + Y': '+' works entry by entry on n × (n + 1) and n × n, but n + 1 and n are different dimensions"),
    ("__import__('os').system('true')", {},
     "'__import__('os').system(…)' calls something that is not a function of the language"),
    ("[x for x in X]", {"X": "n n"}, "'[x for x in X]' is a comprehension that the language does not have"),
    ("lambda x: x", {}, "'lambda x: x' is a lambda that the language does not have"),
    ("f'{X}'", {"X": "n n"}, "'f'{X}'' is a formatted string that the language does not have"),
    ("(y := X)", {"X": "n n"}, "'(y := X)' is an assignment that the language does not have"),
    ("X if X else X", {"X": "n n"},
     "'X if X else X' is a conditional that the language does not have: write where(x > 0, a, b)"),
    ("X = 3", {"X": "n n"},
     "the text is not an expression near 'X = 3': an equation has no place here; write one of its sides, or their "
     "difference (`define` takes equations)"),
    ("(\n\n(", {}, "the text is not an expression near '( (': '(' was never closed"),
    ("X'", {}, "the text is not an expression near 'X'': a text that begins with ' does not end; the transpose is X.T"),
    ("X^T", {"X": "n n"},
     "in 'X ^ T': '^' is not a power here: write ** for the power of every entry, or matrix_power(X, k) for the power "
     "of a matrix; the transpose is X.T"),
    ("X^T @ X + X", {"X": "n n"},
     "in 'X ^ T @ X + X': '^' is not a power here: write ** for the power of every entry, or matrix_power(X, k) for "
     "the power of a matrix; the transpose is X.T"),
    ("X1.^2", {"X1": "n n"},
     "the text is not an expression near 'X1.^2': '.^' is not in the language; *, / and ** work entry by entry"),
    ("A .* B - 2.*A", {"A": "n n", "B": "n n"},
     "the text is not an expression near 'A .* B - 2.*A': '.*' is not in the language; *, / and ** work entry by "
     "entry"),
    ("A \\ x", {"A": "n n", "x": "n"},
     "the text is not an expression near 'A \\ x': '\\' is not in the language; the text is not LaTeX: write log(x), "
     "A @ B, and solve(A, b) for MATLAB's division"),
    ("x·y", {},
     "the text is not an expression near 'x·y': '·' is not in the language; write * for the product entry by entry, "
     "@ for that of matrices"),
    ("A * x", {"A": "n m", "x": "m"},
     "in 'A * x': '*' works entry by entry, but the shapes are n × m and m; only scalars are spread: write @ for the "
     "product of matrices and vectors, or the repetition out, for instance outer(ones(n), b)"),
    ("norm(X, 'fro')", {},
     "in 'norm(X, 'fro')': norm is the Euclidean norm, of a matrix that of Frobenius: write axis= by name, and for "
     "other norms sum(abs(x)), max(abs(x)), max(svdvals(X)) or sum(svdvals(X))"),
    ("Tr(X)", {"X": "n n"}, "there is no function 'Tr' in the language; did you mean trace?"),
    ("median(x)", {"x": "n"},
     "there is no function 'median' in the language: write it with others, or define it by its equation"),
    ("where((x > 0) & (x < 1), x, 0)", {"x": "n"},
     "in '(x > 0) & (x < 1)': the operator '&' is not in the language: the product of two conditions is both of them, "
     "their maximum is either"),
    ("x[:, None] - y", {"x": "n", "y": "n"},
     "in 'x[:, None]': None adds no axis: a vector is repeated by outer(x, ones(m))"),
    ("trace(R)", {"R": "3 3 rotation"},
     "'rotation' in 'R: 3 3 rotation' is not a fact that can be declared, and would be the name of a dimension: "
     "declare 'orthogonal'"),
    ("z.real", {"z": "n complex"}, "in 'z.real': '.real' is not in the language: write real(z)"),
    ("X.adjoint()", {"X": "n n"}, "'X.adjoint(…)' calls something that is not a function of the language: write X.H"),
    ("A(1, 2)", {"A": "n n"},
     "'A' is a variable and cannot be called; write * or @ to multiply, A[0] for an entry, the first of which is that "
     "at 0"),
    ("[[0, -a], [a, 0]] @ x", {"a": "", "x": "2"},
     "in '[[0, -a], [a, 0]] @ x': the expression takes tensors, and [[0, -a], [a, 0]] is not one; a matrix of numbers "
     "or blocks is block([[a, b], [c, d]])"),
    ("concatenate(a, b)", {"a": "", "b": ""},
     "in 'concatenate(a, b)': concatenate joins vectors, matrices or tensors, and one of these is a scalar; "
     "a * ones(1) is a vector of one entry"),
    ("2X", {"X": "n n"},
     "the text is not an expression near '2X': an operator is missing between '2' and 'X'; write * for the product "
     "entry by entry, @ for that of matrices"),
    ("sin(x)cos(x)", {"x": "n"},
     "the text is not an expression near 'sin(x)cos(x)': an operator is missing between ')' and 'cos'; write * for "
     "the product entry by entry, @ for that of matrices"),
    ("sin x", {"x": "n"},
     "the text is not an expression near 'sin x': the argument of sin stands in parentheses, as in sin(x)"),
    ("Xᵀ @ X", {"X": "n n"},
     "the text is not an expression near 'Xᵀ @ X': 'ᵀ' is not read; write ** for a power, inv(X), X.T and X.H for the "
     "inverse and the transposes, and x[0] for an entry"),
    ("x − y", {"x": "n", "y": "n"}, "the text is not an expression near 'x − y': '−' is not in the language; write -"),
    ("||x||", {"x": "n"},
     "the text is not an expression near '||x||': '|' is not in the language; write norm(x), abs(x) or det(X)"),
    ("x +", {"x": "n"}, "the text is not an expression near 'x +': something is missing after '+'"),
    ("(x + y)(x - y)", {"x": "n", "y": "n"},
     "'(x + y)(…)' calls something that is not a function of the language; write * or @ to multiply"),
    ("torch.inverse(X)", {"X": "n n"},
     "'torch.inverse(…)' calls something that is not a function of the language: write inv(X)"),
    ("I + X @ X", {"X": "n n"},
     "'I' is not declared: the identity matrix is eye(n) (a variable of that name is declared, as in I='n n')"),
    ("X", {"X": "n n SPD"},
     "'SPD' in 'X: n n SPD' would be the name of a dimension; did you mean the fact 'spd'? (give the dimension a "
     "shorter name if not)"),
    ("x == y", {"x": "n", "y": "n"},
     "in 'x == y': where compares with >, >=, < or <=; no other comparison is in the language"),
    ("qr(A)", {"A": "n m"}, "qr has several outputs: write qr(A).Q or .R"),
    ("qr(A).X", {"A": "n m"}, "in 'qr(A).X': qr has the outputs Q, R, and no 'X'"),
    ("x[5]", {"x": "3"}, "in 'x[5]': index 5 is outside an axis of length 3"),
    ("reshape(x, (2, 3))", {"x": "6"},
     "'(2, 3)' is a tuple that the language does not have: write dimensions one after the other, as in ones(n, m)"),
    ("x[1:7]", {"x": "3"}, "in 'x[1:7]': the range 1:7 is outside an axis of length 3"),
    ("x[-5:]", {"x": "3"}, "in 'x[-5:]': the range -2:3 is outside an axis of length 3"),
    ("x[2:1]", {"x": "n"}, "in 'x[2:1]': the range 2:1 ends before it starts"),
    ("x[:n + 1]", {"x": "n"}, "in 'x[:n + 1]': the range 0:n + 1 is outside an axis of length n"),
    ("solve(A=X, B=x)", {"X": "n n", "x": "n"},
     "in 'solve(A=X, B=x)': solve takes no argument by the name 'A': solve(A, B)"),
    ("x[i]", {"x": "n"}, "in 'x[i]': 'i' cannot be an index: only constant whole numbers and ':' can"),
    ("sum(X, axis=2)", {"X": "n n"}, "in 'sum(X, axis=2)': sum: axis 2 does not exist; the tensor has 2 axes"),
    ("max(z)", {"z": "n complex"},
     "in 'max(z)': max takes real tensors, and this one is complex: take its real part, its imaginary part or its "
     "absolute value first"),
    ("x / 0", {"x": "n"}, "in 'x / 0': division by zero"),
    ("2 ** 1000000 * x", {"x": "n"},
     "in '2 ** 1000000': a number to the power 1000000 is too large to be written out: make it a variable, or a "
     "smaller power"),
    ("x", {"lambda": "n", "x": "n"},
     "'lambda' cannot be the name of a variable: it is a keyword of Python; choose another name, such as 'lambda_'"),
    ("inv @ x", {"inv": "n n", "x": "n"},
     "'inv' is a function of the language and cannot be a variable; choose another name"),
    ("pi * 2", {"pi": ""}, "'pi' is a constant of the language and cannot be a variable; choose another name"),
    ("X", {"X": "n n positive_definite"},
     "'positive_definite' in 'X: n n positive_definite' is not a fact that can be declared, and would be the name of a "
     "dimension: declare 'spd'"),
    ("X", {"X": "n n symetric"},
     "'symetric' in 'X: n n symetric' would be the name of a dimension; did you mean the fact 'symmetric'? (give the "
     "dimension a shorter name if not)"),
    ("D", {"D": "n n diagonal positive"},
     "'D: n n diagonal positive' contradicts itself: 'diagonal' matrices have entries that are not positive; declare a "
     "vector p as positive and write diag(p) for a diagonal matrix, or say spd of eigenvalues"),
    ("X", {"X": "n n spd lower"},
     "'X: n n spd lower' declares two structures, 'spd' and 'lower': a variable moves in one set; declare one of them, "
     "and build the other from it in the expression"),
    ("x + n", {"x": "n", "n": ""},
     "'n' is declared as a variable and used as a dimension; give one of them another name"),
    ("einsum(A, B)", {"A": "n m", "B": "m k"},
     "in 'einsum(A, B)': einsum takes its pattern first: einsum(\"ij,jk->ik\", A, B)"),
    ("einsum('ij,jk->ik', A)", {"A": "n m"},
     "in 'einsum('ij,jk->ik', A)': einsum \"ij,jk->ik\" takes 2 tensor(s), and 1 are given"),
    ("einsum('ijk->i', A)", {"A": "n m"},
     "in 'einsum('ijk->i', A)': einsum \"ijk->i\": 'ijk' names 3 axes, and the tensor is n × m"),
    ("einsum('...j->...', A)", {"A": "n m"},
     "in 'einsum('...j->...', A)': einsum \"...j->...\": \"...\" is not in the language; name every axis"),
    ("einsum('ij>i', A)", {"A": "n m"},
     "in 'einsum('ij>i', A)': einsum \"ij>i\" is not a pattern: letters, commas and one \"->\""),
    ("einsum('ij->k', A)", {"A": "n m"},
     "in 'einsum('ij->k', A)': einsum \"ij->k\": 'k' is in the output and in no input"),
    ("unvech(X)", {"X": "n n"}, "in 'unvech(X)': unvech takes a vector of length n(n+1)/2; this is n × n"),
    ("mask(X, 1, 2, a)", {"X": "n n", "a": ""},
     "in 'mask(X, 1, 2, a)': mask takes three constant numbers: mask(X, below, on, above)"),
    ("triu(X, 2)", {"X": "n n"},
     "in 'triu(X, 2)': triu cuts at diagonal 0 or 1, not at 2: other diagonals are not in the language"),
    ("tril(x)", {"x": "n"}, "in 'tril(x)': only a matrix has triangles; this is n"),
    ("reshape(X, n)", {"X": "n m"},
     "in 'reshape(X, n)': reshape cannot make n of n × m: the numbers of entries differ"),
    ("vec(x)", {"x": "n"}, "in 'vec(x)': vec stacks the columns of a matrix; this is n"),
    ("kron(x, A)", {"x": "n", "A": "n m"},
     "in 'kron(x, A)': kron takes two matrices or two vectors; these are n and n × m"),
    ("dot(X, X)", {"X": "n n"},
     "in 'dot(X, X)': dot takes two vectors; write A @ B for matrices, or sum(A * B)"),
    ("cumsum(X)", {"X": "n m"},
     "in 'cumsum(X)': cumsum of a tensor with several axes needs one: cumsum(X, axis=0)"),
    ("sylvester(x, x, x)", {"x": "n"},
     "in 'sylvester(x, x, x)': sylvester, as its first argument, takes a square matrix; this is n"),
    ("solve(T, T)", {"T": "n n n"},
     "in 'solve(T, T)': solve takes A: n n, B: n m or A: n n, B: n; these are n × n × n and n × n × n"),
    ("concatenate(x, X)", {"x": "n", "X": "n m"},
     "in 'concatenate(x, X)': concatenate takes tensors with the same number of axes; these are n and n × m"),
    ("block([[T, T]])", {"T": "n n n"},
     "in 'block([[T, T]])': block takes numbers, vectors and matrices, and one of these is n × n × n"),
    ("x[0, 1]", {"x": "n"}, "in 'x[0, 1]': there are indices for 2 axes, and the tensor has 1 axis: n"),
    ("x[::2]", {"x": "n"}, "in 'x[::2]': a slice with a step is not in the language"),
    ("inv(qr(A))", {"A": "n m"}, "in 'inv(qr(A))': qr has several outputs: write qr(A).Q or .R"),
    ("inv + x", {"x": "n"}, "'inv' is a function: write inv(X)"),
    ("~x", {"x": "n"}, "in '~x': the operator '~' is not in the language"),
    ("sum(*x)", {"x": "n"}, "'*x' unpacks, which the language does not have"),
    ("sum(**x)", {"x": "n"}, "'**' unpacks, which the language does not have"),
    ("spectral_map(S, S)", {"S": "n n"},
     "in 'spectral_map(S, S)': spectral_map takes a function of x as a text first: spectral_map(\"exp(x)\", A)"),
    ("0 ** (-1) * x", {"x": "n"}, "in '0 ** (-1)': a negative power of zero does not exist"),
    ("x @ \0", {"x": "n"},
     "the text is not an expression near 'x @ \0': source code string cannot contain null bytes"),
    ("x", {"x": "n positive complex"}, "'x: n positive complex' contradicts itself: positive entries are real"),
    ("X", {"X": "n n symmetric skew"}, "'X: n n symmetric skew' contradicts itself: only 0 is both"),
    ("x", {"x": "n symmetric"},
     "'x: n symmetric' has 1 dimension(s), and 'symmetric' is said of matrices: give two dimensions"),
    (
        "softmax(z)", {"z": "n complex"},
        "in 'softmax(z)': softmax takes real tensors, and this one is complex: take its real part, its imaginary part "
        "or its absolute value first",
    ),
]  # fmt: skip

OF_DERIVATIONS: list[tuple[str, Mapping[str, str], object, str, str]] = [
    ("X @ A", {"X": "n n", "A": "n m"}, "Z", "vjp", "'Z' does not occur in the expression, which contains X, A"),
    ("X @ A", {"X": "n n", "A": "n m"}, [], "vjp", "wrt names no variable"),
    ("X @ A", {"X": "n n", "A": "n m"}, ["X", "X"], "vjp", "wrt names a variable twice: X, X"),
    ("X @ A", {"X": "n n", "A": "n m"}, 3, "vjp", "wrt takes the name of a variable, or several, and this is int"),
    ("X @ dX", {"X": "n n", "dX": "n n"}, "X", "jvp",
     "the direction of 'X' would be called 'dX', and so is a variable; give one of them another name"),
    ("X @ G", {"X": "n n", "G": "n n"}, "X", "vjp",
     "the cotangent of the output would be called 'G', and so is a variable; give the variable another name"),
    ("X", {"X": "n n"}, "X", "gradient",
     "only a scalar has a gradient, and this expression is n × n: ask for its vjp, its jvp or its jacobian, or take a "
     "sum or a norm first"),
    ("X", {"X": "n n"}, "X", "hessian",
     "only a scalar has a Hessian, and this expression is n × n: ask for its vjp, its jvp or its jacobian, or take a "
     "sum or a norm first"),
]  # fmt: skip

OF_IDENTITIES: list[tuple[str, str, list[str]]] = [
    ("Y @ Y.T = X", "Y: n n", ["does not determine 'Y'", "any orthogonal Q"]),
    ("Y @ X = X @ Y", "Y: n n", ["does not determine 'Y'", "any polynomial in X"]),
    ("Y @ X = Y", "Y: n n", ["only Y = 0 solves 'Y @ X = Y'"]),
    ("Y + Y.T = X", "Y: n n", ["does not determine 'Y'", "3 of 9 directions are left free"]),
    ("Y = Y", "Y: n n", ["it says 0 = 0"]),
    ("inv(X) @ X = eye(n)", "Y: n n", ["both sides", "0 = 0"]),
    ("Y - Y = X", "Y: n n", ["'Y' does not occur"]),
    ("Y @ X", "Y: n n", ["is not an equation"]),
    ("Y = X ^ 2", "Y: n n", ["'^' is not a power here"]),
]


@pytest.mark.parametrize(("text", "declarations", "message"), OF_TEXTS, ids=[row[0][:30] for row in OF_TEXTS])
def test_a_text_that_is_refused_says_why(text: str, declarations: Mapping[str, str], message: str) -> None:
    with pytest.raises(gw.GradwrightError) as caught:
        gw.parse(text, **declarations)
    assert str(caught.value) == message


@pytest.mark.parametrize(("text", "declarations", "wrt", "kind", "message"), OF_DERIVATIONS)
def test_a_derivative_that_is_refused_says_why(
    text: str, declarations: Mapping[str, str], wrt: object, kind: str, message: str
) -> None:
    with pytest.raises(gw.DerivationError) as caught:
        getattr(gw.derive(gw.parse(text, **declarations), wrt=wrt), kind)  # type: ignore[arg-type]
    assert str(caught.value) == message


@pytest.mark.parametrize(("identity", "unknown", "parts"), OF_IDENTITIES)
def test_an_identity_that_defines_nothing_says_what_is_free(identity: str, unknown: str, parts: list[str]) -> None:
    with pytest.raises(gw.GradwrightError) as caught:
        gw.define("f", identity, unknown=unknown, given="X: n n")
    for part in parts:
        assert part in str(caught.value)


def test_a_variable_that_is_used_with_two_shapes_is_refused_for_each_of_them() -> None:
    with pytest.raises(gw.ShapeError) as caught:
        gw.parse("inv(x) + x @ x @ x[0]")
    message = str(caught.value)
    assert message.startswith("no shape of 'x' fits the whole text: as a matrix, in ")
    assert "; as a vector, in 'inv(x)': inv takes a matrix" in message
    assert "axis" not in message


@pytest.mark.parametrize(
    ("text", "hint"),
    [("exp(X)", "matrix_exp"), ("log(X)", "logm"), ("sqrt(X)", "sqrtm"), ("1 / X", "inv"), ("X ** 2", "matrix_power")],
)
def test_an_entrywise_function_of_a_square_matrix_gets_a_note(text: str, hint: str) -> None:
    notes = gw.derive(gw.parse(text, X="n n"), wrt="X").notes
    assert any("entry by entry" in note and note.endswith(hint) for note in notes)


def test_a_variable_may_be_called_as_a_derived_quantity_where_none_is_made() -> None:
    D = gw.derive(gw.parse("trace(X @ G)", X="n n", G="n n"), wrt="X")
    assert gw.equal(D.gradient, gw.parse("G.T", G="n n"))
    assert "∇_X" in str(D)
    assert str(gw.derive(gw.parse("X @ dX", X="n n", dX="n n"), wrt="dX").jvp) == "X ddX"


def test_the_sign_of_a_determinant_that_is_not_known_is_a_condition() -> None:
    D = gw.derive(gw.parse("log(det(X))", X="n n"), wrt="X")
    assert "det(X) > 0" in D.conditions
    with pytest.raises(gw.ConditionError, match="det"):
        D.expression.evaluate(X=np.diag([1.0, -2.0, 3.0]))


@pytest.mark.parametrize("text", ["max(X @ w)", "min(X @ w)", "sum(max(X, axis=1))", "sum(max(X, axis=0))"])
def test_a_largest_entry_occurs_so_that_its_count_is_no_condition(text: str) -> None:
    D = gw.derive(gw.parse(text, X="n m", **({"w": "m"} if "w" in text else {})), wrt="X")
    assert D.conditions == ()
    assert any("kink" in note for note in D.notes)


def test_a_base_that_is_spread_over_exponents_has_one_condition() -> None:
    assert gw.derive(gw.parse("a**X", X="n n", a=""), wrt="X").conditions == ("a > 0",)


def test_a_power_whose_derivative_would_have_too_many_terms_is_refused() -> None:
    with pytest.raises(gw.GradwrightError, match="exponent up to 100"):
        gw.parse("matrix_power(X, 101)", X="n n")


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("n n symmetric", "'X' is declared symmetric, but the input differs from its transpose, by"),
        ("n n spd", "'X' is declared spd, but the input differs from its transpose, by"),
        ("n n skew", "differs from minus its transpose, by"),
        ("n n lower", "has entries above its diagonal, by"),
        ("n n unit_upper", "has a diagonal that is not 1, by"),
        ("n n diagonal", "has entries off its diagonal, by"),
        ("n n orthogonal", "has columns that are not orthonormal, by"),
        ("n n positive", "has entries that are not positive, by"),
    ],
)
def test_a_value_outside_its_declared_set_is_refused(declaration: str, message: str) -> None:
    X = np.arange(-4.0, 5.0).reshape(3, 3)
    with pytest.raises(gw.EvaluationError, match=message):
        gw.derive(gw.parse("sum(X @ X)", X=declaration), wrt="X").gradient.evaluate(X=X)


def test_an_indefinite_value_of_a_variable_declared_definite_is_refused_and_a_singular_one_is_not() -> None:
    f = gw.parse("abs(det(K)) + x @ K @ x", K="n n spd", x="n")
    with pytest.raises(gw.EvaluationError, match=r"declared spd, but the input has eigenvalues that are .*, by 1:"):
        f.evaluate(K=np.diag([2.0, 3.0, -1.0]), x=np.ones(3))
    assert f.evaluate(K=np.diag([2.0, 3.0, 0.0]), x=np.ones(3)) == 5.0
    gw.derive(f, wrt="K").jvp.evaluate(K=np.eye(3), x=np.ones(3), dK=-np.eye(3))
    with pytest.raises(gw.ConditionError, match="infinite there, as the logarithm of 0"):
        gw.parse("logdet(K)", K="n n spd").evaluate(K=np.diag([1.0, 0.0, 1.0]))


def test_a_declared_variable_that_does_not_occur_stays_an_input() -> None:
    f = gw.parse("inv(X)", X="n n", Y="n n")
    D = gw.derive(f)
    assert f.variables == ("X", "Y") and "\n  Y: n × n\n" in str(D)
    np.testing.assert_array_equal(f.evaluate(X=2 * np.eye(3), Y=np.ones((3, 3))), np.eye(3) / 2)
    with pytest.raises(TypeError, match="'Y'"):
        D.function("torch")(torch.eye(3))


def test_a_direction_outside_the_declared_set_is_refused_and_a_small_step_out_of_it_is_not() -> None:
    D = gw.derive(gw.parse("trace(L @ L)", L="n n unit_lower"), wrt="L")
    with pytest.raises(gw.EvaluationError, match="'dL', a perturbation of 'L', is declared lower, but the input has"):
        D.jvp.evaluate(L=np.eye(3), dL=np.ones((3, 3)))
    step = 1e-6 * np.ones((3, 3))
    assert np.isfinite(D.expression.evaluate(L=np.eye(3) + step))


def test_inputs_that_do_not_fit_are_named() -> None:
    D = gw.derive(gw.parse("inv(X) @ A", X="n n", A="n m"), wrt="X")
    X, A, G = np.eye(3), np.ones((3, 2)), np.ones((3, 2))
    for inputs, message in [
        ({"X": X, "A": A}, "the input 'G' is missing"),
        ({"X": X, "A": A, "G": G, "B": A}, "there is no input 'B'"),
        ({"X": np.ones((3, 4)), "A": A, "G": G}, "'X' is declared as n × n with n = 3"),
        ({"X": X[0], "A": A, "G": G}, "the input has 1 dimension"),
        ({"X": "abc", "A": A, "G": G}, "is not an array of numbers"),
        ({"X": torch.eye(3).to_sparse(), "A": A, "G": G}, "the input 'X' is not an array: .*Sparse"),
    ]:
        with pytest.raises(gw.EvaluationError, match=message):
            D.vjp.evaluate(**inputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["X ^ 2"], ["inv(A)", "--var", "A: n m"], ["foo(X)"], [""], ["inv(X)", "--wrt", "Z"]]
)
def test_the_command_line_exits_with_two_and_a_paragraph(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "gradwright.app.main", "derive", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("gradwright: ") and done.stderr.count("\n") == 1
    assert not done.stdout


@pytest.mark.parametrize("text", ["inv(X)", "logm(X)", "signm(X)", "svd(X).U", "eigh(X).eigenvalues", "adjugate(X)"])
@pytest.mark.parametrize("entry", [np.nan, np.inf])
def test_an_argument_that_is_not_finite_is_named_as_the_cause(text: str, entry: float) -> None:
    expression = gw.parse(text, X="n n")
    with pytest.raises(gw.ConditionError, match="its argument is not finite"):
        expression.evaluate(X=np.diag([1, entry, 2]))
    if text not in ("inv(X)", "eigh(X).eigenvalues"):  # what NumPy itself computes, it answers for
        with pytest.raises(gw.ConditionError, match="not finite"):
            expression.compile("numpy")(X=np.diag([1, entry, 2]))


def test_bfloat16_is_computed_in_double_precision() -> None:
    torch = pytest.importorskip("torch")
    value = gw.parse("inv(X)").evaluate(X=torch.tensor([[2.0, 0], [0, 4]], dtype=torch.bfloat16))
    assert value.dtype == torch.float64 and value.diagonal().tolist() == [0.5, 0.25]


@pytest.mark.parametrize("kind", [np.float16, np.longdouble, np.clongdouble, np.int8])
def test_what_linear_algebra_has_no_type_for_is_computed_in_double_precision(kind: type) -> None:
    value = gw.parse("inv(X)", X="n n complex").evaluate(X=np.diag([2, 4, 8]).astype(kind))
    assert value.dtype in (np.float64, np.complex128)
    np.testing.assert_array_equal(value, np.diag([0.5, 0.25, 0.125]))


def test_an_expression_is_no_array_of_one_object() -> None:
    with pytest.raises(TypeError, match=r"as gradwright.inv\(X\), and evaluate gives its values"):
        np.linalg.inv(SQUARE)


def test_errors_come_back_from_the_processes_of_a_pool() -> None:
    for text, declared in (("A @ B", {"A": "n m", "B": "k p"}), ("a * x", {}), ("qr(A).X", {"A": "n m"})):
        with pytest.raises(gw.GradwrightError) as caught:
            gw.parse(text, **declared)
        found = pickle.loads(pickle.dumps(caught.value))
        assert (type(found), str(found), vars(found)) == (caught.type, str(caught.value), vars(caught.value))


def test_a_constant_size_is_not_explained() -> None:
    with pytest.raises(gw.EvaluationError, match=r"^'x' is declared as 3, but the input has shape \(4,\)$"):
        gw.parse("sum(x)", x="3").evaluate(x=np.ones(4))


@pytest.mark.parametrize(
    "number", [np.float64(0.1), np.float32(0.1), np.int64(3), np.longdouble(2), 0.1, 2 - 3j, np.complex128(1j)]
)
def test_numbers_of_python_and_numpy_are_operands(number: complex) -> None:
    X = np.arange(4.0).reshape(2, 2)
    for product in (SQUARE * number, number * SQUARE):
        np.testing.assert_allclose(product.evaluate(X=X), complex(number) * X, rtol=1e-7)
    if number == 0.1:
        assert SQUARE * number == gw.parse("X * 0.1", X="n n")
    with pytest.raises(gw.LanguageError, match="inf is not a number"):
        _ = SQUARE * np.float64("inf")


def test_a_text_where_an_expression_belongs_is_told_to_parse() -> None:
    with pytest.raises(gw.GradwrightError) as derived:
        gw.derive("inv(X)", wrt="X")  # type: ignore[arg-type]
    assert str(derived.value) == "derive takes expressions, and this is str: write derive(parse('inv(X)'), …)"
    with pytest.raises(gw.GradwrightError) as compared:
        gw.equal("inv(X)", "X")
    want = "equal compares two expressions, or an expression and a number: write parse('inv(X)')"
    assert str(compared.value) == want


SQUARE = gw.matrix("X", "n", "n")
OF_PYTHON = [
    (lambda: gw.matrix("X", "n"),
     'a matrix has two dimensions, rows and columns, and 1 are given: write matrix("X", "n", "n")'),
    (lambda: gw.vector("x", "n", "m"), 'a vector has one dimension, and 2 are given: write vector("x", "n")'),
    (lambda: gw.scalar("a", "n"), 'a scalar has no dimension, and 1 are given: write scalar("a")'),
    (lambda: gw.matrix(3, "n", "n"), "the name of a variable is a text, and this is int"),
    (lambda: gw.dims(3), 'dims takes a text such as "n m", and this is int'),
    (lambda: SQUARE @ np.eye(3),
     "an operator takes expressions and numbers, and this is ndarray: declare a variable in its place, and give the "
     "values to evaluate"),
    (lambda: np.eye(3) @ SQUARE,
     "an operator takes expressions and numbers, and this is ndarray: declare a variable in its place, and give the "
     "values to evaluate"),
    (lambda: SQUARE + "A", "an operator takes expressions and numbers, and this is str: write parse('A')"),
    (lambda: SQUARE @ None, "an operator takes expressions and numbers, and this is NoneType"),
    (lambda: gw.inv(np.eye(3)),
     "inv takes expressions and numbers, and this is ndarray: declare a variable in its place, and give the values to "
     "evaluate"),
    (lambda: gw.outer(SQUARE, np.eye(3)),
     "outer takes expressions and numbers, and this is ndarray: declare a variable in its place, and give the values "
     "to evaluate"),
    (lambda: gw.eye("2n"),
     "'2n' is no dimension: that is a name, a positive whole number, or a sum or product of these, as n*m"),
    (lambda: SQUARE.evaluate(np.eye(3)), "evaluate takes its arrays by name: write evaluate(X=…)"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "message"), OF_PYTHON)
def test_a_mistake_in_python_is_told_with_what_to_write(mistake, message: str) -> None:
    with pytest.raises(gw.GradwrightError) as caught:
        mistake()
    assert str(caught.value) == message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A @ B", 'declare it, --var "A: n" or --var "A: n m"'),
        ("a * x", 'declare it, --var "a: " or --var "a: n" or --var "a: n m"'),
        ("a + b + c + d + e + f + g + h", 'for instance --var "a: n n"'),
    ],
)
def test_the_command_line_suggests_declarations_as_they_are_typed(text: str, told: str) -> None:
    command = [sys.executable, "-m", "gradwright", "derive", text, "--var", "B: n n"]
    assert told in subprocess.run(command, capture_output=True, text=True, check=False).stderr
