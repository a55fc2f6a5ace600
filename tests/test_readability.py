"""Derivatives are printed as a careful person would write them."""

from __future__ import annotations

import pytest

import gradwright as gw
from gradwright.api.presentation import ASCII, as_text

RESULTS = [
    # Quotients stand over one denominator, and what cancels is gone; what is in all terms is seen in powers.
    ("(1 + t) * exp(-t)", {"t": ""}, "t", "−t exp(−t)"),
    ("a * x / (x + a)", {"x": "", "a": ""}, "x", "a² / (x + a)²"),
    ("(x - a) / (x + a)", {"x": "n", "a": ""}, "x", "2 a G / (x + a 1)∘²"),
    ("(a * x + b) / (c * x + d)", {"x": "", "a": "", "b": "", "c": "", "d": ""}, "x", "(a d − b c) / (c x + d)²"),
    ("-sum(y * log(p) + (1 - y) * log(1 - p))", {"y": "n", "p": "n"}, "p", "(p − y) / ((1 − p) ∘ p)"),
    ("sin(t)**2 * cos(t)**2", {"t": ""}, "t", "2 sin(t) cos(t) (cos(t)² − sin(t)²)"),
    ("x * sigmoid(x)", {"x": "n"}, "x", "σ(x) ∘ G ∘ (x ∘ σ(−x) + 1)"),
    ("(1 + sqrt(3) * norm(x - y) / a) * exp(-sqrt(3) * norm(x - y) / a)", {"x": "n", "y": "n", "a": "positive"}, "x",
     "−3 exp(−√3 ‖r‖ / a) r / a², where r = x − y"),
    # Parts in one place are added, and placed as they are.
    ("(2 * q[0]**2 - 1) * v + 2 * (q[1:] @ v) * q[1:]", {"q": "4", "v": "3"}, "q",
     "[4 q[0] Gᵀ v; 2 ((q[1:]ᵀ v) G + (Gᵀ q[1:]) v)]"),
    ("A[1:, 0] @ y[1:]", {"A": "n n", "y": "n"}, "y", "[0; A[1:, 0]]"),
    ("T[0] @ B * sum(T[1:, 0, -1])", {"T": "n m k", "B": "k p"}, "B", "sum(T[1:, 0, -1]) T[0, :, :]ᵀ G"),
    ("sum((x[1:] - x[:n - 1])**2)", {"x": "n"}, "x", "2 ([0; r] − [r; 0]), where r = x[1:] − x[:n - 1]"),
    ("sum(softmax(X, axis=0) * Y)", {"X": "n m", "Y": "n m"}, "X",
     "P ∘ (Y − 1 sum(P ∘ Y, axis=0)ᵀ), where P = softmax(X, axis=0)"),
    # The factors of a product of powers stay where they are: nothing is taken out of some of the terms.
    ("X @ X @ X", {"X": "n n"}, "X", "(Xᵀ)² G + Xᵀ G Xᵀ + G (Xᵀ)²"),
    ("pinv(A)", {"A": "n m"}, "A", "(A⁺)ᵀ A⁺ Gᵀ (I − A⁺ A) + (I − A A⁺) Gᵀ A⁺ (A⁺)ᵀ − (A⁺)ᵀ G (A⁺)ᵀ"),
    ("matrix_power(X, 4) @ x", {"X": "n n", "x": "n"}, "X",
     "(Xᵀ)³ G xᵀ + (Xᵀ)² G xᵀ Xᵀ + Xᵀ G xᵀ (Xᵀ)² + G xᵀ (Xᵀ)³"),
    # What multiplies single matrices is taken out.
    ("x @ A @ x", {"A": "n n", "x": "n"}, "x", "(A + Aᵀ) x"),
    # Skew matrices have no transpose: U (S − Sᵀ) is 2 U S.
    ("polar(A).U", {"A": "n m"}, "A",
     "(I − U Uᵀ) G P⁻¹ + U lyapunov(P, Uᵀ G − Gᵀ U), where U = polar(A).U, P = polar(A).P"),
    ("trace(A @ W)", {"W": "n n skew", "A": "n n"}, "A", "−W"),
    ("W @ A @ W.T", {"W": "n n skew", "A": "n n"}, "W", "½ (Aᵀ W G + G W Aᵀ + Gᵀ W A + A W Gᵀ)"),
    ("x @ W @ A @ W @ x", {"W": "n n skew", "A": "n n", "x": "n"}, "W",
     "−½ (Aᵀ W x xᵀ + x xᵀ W Aᵀ + x xᵀ W A + A W x xᵀ)"),
    # Hermitian ones have no conjugate transpose.
    ("trace(H @ Z @ Z.H)", {"H": "n n hermitian", "Z": "n m complex"}, "Z", "2 H Z"),
    # The adjoint of a half-vectorisation, of each of several vectors, conjugated or not.
    ("dot(vech(X @ A), a) * dot(vech(X @ A), b)", {"X": "n n", "A": "n n", "a": "n*(n+1)/2", "b": "n*(n+1)/2"}, "X",
     "tr(X A Pᵀ) S Aᵀ + tr(X A Sᵀ) P Aᵀ, where P = unvech(a), S = unvech(b)"),
    ("real(dot(a, vech(Z)))", {"Z": "n n complex", "a": "n*(n+1)/2 complex"}, "Z", "unvech(a)*"),
    # An indicator is a bracket.
    ("relu(x)", {"x": "n"}, "x", "[x > 0] ∘ G"),
    ("maximum(x, y)", {"x": "n", "y": "n"}, "x", "½ ([x > y] + [x ≥ y]) ∘ G"),
    # What is compared with a number stands before it; where a condition fails the opposite one holds.
    ("where(x < 1, x**2, 0)", {"x": ""}, "x", "2 x [x < 1]"),
    ("sum(where(abs(r) <= 1, r**2 / 2, abs(r) - 1/2))", {"r": "n"}, "r", "[|r| > 1] ∘ sign(r) + [|r| ≤ 1] ∘ r"),
    # Halves of a symmetric matrix are the whole.
    ("eigvalsh(inv(cholesky(B)) @ A @ inv(cholesky(B)).T)", {"A": "n n symmetric", "B": "n n spd"}, "B",
     "−Pᵀ V diag(y ∘ G) Vᵀ P"),
    # A triangle of an outer product.
    ("solve_triangular(L, b)", {"L": "n n lower", "b": "n"}, "L",
     "−tril(L⁻ᵀ G yᵀ), where y = solve_triangular(L, b)"),
    # The solution of a system that the function solves is the same as the inverse times its right side.
    ("x @ solve(K, x)", {"K": "n n spd", "x": "n"}, "K", "−K⁻¹ x xᵀ K⁻¹"),
    ("solve(A @ A.T, b)", {"A": "n m", "b": "n"}, "A", "−y Gᵀ (A Aᵀ)⁻¹ A − (A Aᵀ)⁻¹ G yᵀ A, where y = (A Aᵀ)⁻¹ b"),
    # What is zero off the diagonal under a mask is the diagonal.
    ("sum(log(diagonal(cholesky(K))))", {"K": "n n spd"}, "K", "½ K⁻¹"),
    # What sums to zero is left out: the mean of what is centred.
    ("mean((x - mean(x))**2)", {"x": "n"}, "x", "2 (x − mean(x) 1) / n"),
    ("(x - mean(x)) / norm(x - mean(x))", {"x": "n"}, "x",
     "G / ‖r‖ − (rᵀ G) r / ‖r‖³ − mean(G) 1 / ‖r‖, where r = x − mean(x) 1"),
    # A sum begins with what is added.
    ("P @ C.T @ inv(C @ P @ C.T + R)", {"P": "n n", "C": "m n", "R": "m m"}, "P",
     "(I − Cᵀ S⁻ᵀ C Pᵀ) G S⁻ᵀ C, where S = C P Cᵀ + R"),
    # Scalars in front of one tensor are added, and sums that are each other's negatives are one.
    ("norm(X @ w - y)**2 + norm(X @ w - y)**4", {"X": "n m", "w": "m", "y": "n"}, "X",
     "2 (2 ‖r‖² + 1) r wᵀ, where r = X w − y"),
    ("y @ (inv(V) - inv(V) @ X @ inv(X.T @ inv(V) @ X) @ X.T @ inv(V)) @ y",
     {"X": "n m", "V": "n n spd", "y": "n"}, "V",
     "−z zᵀ, where z = V⁻¹ (y − X (Xᵀ V⁻¹ X)⁻¹ Xᵀ V⁻¹ y)"),
    # Between shared factors the identity is left, and weights are diagonal matrices: attention, by its keys.
    ("sum(diagonal(X @ W @ Y.T)) - sum(logsumexp(X @ W @ Y.T, axis=1))", {"X": "n m", "W": "m k", "Y": "n k"}, "W",
     "Xᵀ (I − softmax(X W Yᵀ, axis=1)) Y"),
    ("softmax(A @ B.T, axis=1) @ V", {"A": "n m", "B": "k m", "V": "k p"}, "A",
     "(M ∘ (G Vᵀ − sum(M ∘ (G Vᵀ), axis=1) 1ᵀ)) B, where M = softmax(A Bᵀ, axis=1)"),
    # Powers of a positive number join, whatever the root: the isochoric part of a strain energy.
    ("trace(F.T @ F) / det(F)**(2/3)", {"F": "3 3"}, "F", "(2 F − ⅔ ‖F‖² F⁻ᵀ) / det(F)^(2/3)"),
    ("sqrt(1 + norm(x)**2)", {"x": "n"}, "x", "x / √(1 + ‖x‖²)"),
    # A sum beside its transpose has a letter.
    ("A @ P @ B.T @ P + P @ C @ P", {"A": "n n", "P": "n n spd", "B": "n n", "C": "n n"}, "P",
     "½ (S + Sᵀ), where S = Cᵀ P G + G P Cᵀ + B P Aᵀ G + Aᵀ G P B"),
    # Terms with which others begin or end.
    ("trace(A @ pinv(A) @ B)", {"A": "n m", "B": "n n"}, "A", "(I − A A⁺) (B + Bᵀ) (A⁺)ᵀ"),
    ("X @ inv(X.T @ X) @ X.T", {"X": "n m"}, "X", "(I − X (Xᵀ X)⁻¹ Xᵀ) (G + Gᵀ) X (Xᵀ X)⁻¹"),
    ("P - P @ C.T @ inv(C @ P @ C.T + R) @ C @ P", {"P": "n n spd", "C": "m n", "R": "m m spd"}, "P",
     "½ Mᵀ (G + Gᵀ) M, where M = I − P Cᵀ (C P Cᵀ + R)⁻¹ C"),
    # A product is opened where like terms meet.
    ("polar(A).P", {"A": "n m"}, "A",
     "½ U (lyapunov(P, P (G + Gᵀ) − (G + Gᵀ) P) + G + Gᵀ), where U = polar(A).U, P = polar(A).P"),
    # The size of a number cancels against its sign, and against the number and its conjugate.
    ("sum(log(abs(A @ x)))", {"A": "n m", "x": "m"}, "x", "Aᵀ (1 / (A x))"),
    ("log(abs(det(Z)))", {"Z": "n n complex"}, "Z", "Z⁻ᴴ"),
    # The exponential of a multiple of a matrix commutes with the matrix.
    ("trace(matrix_exp(t * A) @ B)", {"t": "", "A": "n n", "B": "n n"}, "t", "tr(A e^(t A) B)"),
    # Numbers stand in front.
    ("stein(A / 6, Q)", {"A": "n n", "Q": "n n"}, "Q", "stein(1/6 Aᵀ, G)"),
    ("dare(A, B, Q, R)", {"A": "n n", "B": "n m", "Q": "n n spd", "R": "m m spd"}, "A",
     "X S stein(S, G + Gᵀ), where X = dare(A, B, Q, R), S = A − B (R + Bᵀ X B)⁻¹ Bᵀ X A"),
    # A number that a product makes up itself merges with its powers: nothing is left of Σp / Σp² − (Σp)² / (Σp)³.
    ("log(x @ x / n)", {"x": "n"}, "x", "2 x / ‖x‖²"),
    ("norm(x)**3", {"x": "n"}, "x", "3 ‖x‖ x"),
    ("norm(z)**3", {"z": "n complex"}, "z", "3 ‖z‖ z"),
    # What cancels within a product that has been opened.
    ("x @ (outer(x, y) + outer(y, x)) @ y / (norm(x)**2 * norm(y)**2)", {"x": "n", "y": "n"}, "x",
     "2 ((xᵀ y) y / ‖x‖² − (xᵀ y)² x / ‖x‖⁴) / ‖y‖²"),
    # Squares leave roots: a correlation, and the root of a mean square.
    ("x @ y / sqrt((x @ x) * (y @ y))", {"x": "n", "y": "n"}, "x", "(y / ‖x‖ − (xᵀ y) x / ‖x‖³) / ‖y‖"),
    ("sqrt(mean(x**2))", {"x": "n"}, "x", "x / (√n ‖x‖)"),
    # The size of a number stands in front of a norm.
    ("norm(-2 * x)", {"x": "n"}, "x", "2 x / ‖x‖"),
    ("norm(a * X / n)", {"X": "n m", "a": "positive"}, "X", "a X / (n ‖X‖)"),
    ("norm(2 * X - 2 * Y)", {"X": "n m", "Y": "n m"}, "X", "2 (X − Y) / ‖X − Y‖"),
    # The logarithm of a hyperbolic cosine has the hyperbolic tangent.
    ("logdet(W) + sum(log(cosh(W @ X)))", {"W": "n n", "X": "n m"}, "W", "tanh(W X) Xᵀ + W⁻ᵀ"),
    ("log(2 * a * cosh(x))", {"x": "n", "a": "positive"}, "x", "tanh(x) ∘ G"),
    # Longer sums of exponentials stay as they are known.
    ("sum(log(1 + cosh(A @ x)))", {"A": "n m", "x": "m"}, "x", "Aᵀ (sinh(A x) / (1 + cosh(A x)))"),
    ("sum(log(cosh(x) + cosh(y)))", {"x": "n", "y": "n"}, "x", "sinh(x) / (cosh(x) + cosh(y))"),
    ("sum((exp(x) - exp(-x)) / (2 + exp(x) + exp(-x)))", {"x": "n"}, "x", "2 / (2 + exp(x) + exp(−x))"),
    # Sums with the same terms are one sum.
    ("x @ inv(A + B) @ (B + A) @ y", {"x": "n", "A": "n n", "B": "n n", "y": "n"}, "x", "y"),
    # Two outputs of one function have letters.
    ("sum(svdvals(X))", {"X": "n m"}, "X", "U Vᵀ, where U = svd(X).U, V = svd(X).V"),
    # Constants under roots are one root.
    ("x * (1 + erf(x / sqrt(2))) / 2", {"x": "n"}, "x", "G ∘ (x ∘ exp(−½ x∘²) / √(2 π) + ½ (1 + erf(x / √2)))"),
    ("x * sqrt(2 / pi) * (2 * pi)**(3/2)", {"x": "n"}, "x", "4 π G"),
    # The square of a modulus is written as one, beside other factors and within sums.
    ("sum((abs(A @ z)**2 - y)**2)", {"A": "m n complex", "z": "n complex", "y": "m"}, "z",
     "4 Aᴴ ((|A z|∘² − y) ∘ (A z))"),
    # Beamforming: what is a modulus, of a product too, is positive.
    ("log(1 + abs(conj(h) @ w)**2 / s)", {"h": "n complex", "w": "n complex", "s": "positive"}, "w",
     "2 (hᴴ w) h / (s + |wᴴ h|²)"),
    # Branches that are equal are no branches; the root of a square is the absolute value.
    ("where(x < 3, x, x) + maximum(x, x)", {"x": "n"}, "x", "2 G"),
    ("sum(sqrt(x * x))", {"x": "n"}, "x", "sign(x)"),
    ("sum((x**2)**(3/2) / x)", {"x": "n"}, "x", "2 |x|"),
    # The last entry, and a number that all entries of a vector share.
    ("sum(x) * x[-1]", {"x": "n"}, "x", "sum(x) e_(n−1) + x[-1] 1"),
    ("x[0]**2 * x[1]**2", {"x": "2"}, "x", "2 [x[0] x[1]²; x[0]² x[1]]"),
    ("sum(abs(z)**3)", {"z": "n complex"}, "z", "3 z ∘ |z|"),
    ("sum(p / sum(p) * log(p / sum(p)))", {"p": "n positive"}, "p",
     "z / sum(p) − (pᵀ z) 1 / sum(p)², where z = log(p / sum(p))"),
    # The residual of least squares is orthogonal to the columns: variable projection (Golub & Pereyra 1973).
    ("norm(b - A @ lstsq(A, b))**2", {"A": "k m", "b": "k"}, "A",
     "−2 (b − A lstsq(A, b)) lstsq(A, b)ᵀ"),
    ("norm(b - A @ pinv(A) @ b)**2", {"A": "k m", "b": "k"}, "A", "−2 (b − A A⁺ b) bᵀ (A⁺)ᵀ"),
    # The logarithm's derivative in a direction that commutes.
    ("trace(logm(X))", {"X": "n n"}, "X", "X⁻ᵀ"),
    ("-trace(K @ logm(K))", {"K": "n n spd"}, "K", "−I − logm(K)"),
    # A difference of symmetric matrices is turned by turning what it is linear in.
    ("trace(logm(K) @ A)", {"K": "n n spd", "A": "n n"}, "K", "½ log[K, K](A + Aᵀ)"),
    # Blocks may make up a symmetric matrix.
    ("logdet(block([[K, B], [B.T, R]]))", {"K": "n n spd", "B": "n m", "R": "m m spd"}, "K",
     "([K, B; Bᵀ, R]⁻¹)[:n, :n]"),
    # The inverse of a product is cancelled against its factors (Petersen & Pedersen 2012, eq. 47, 53, 55).
    ("det(A @ X @ B)", {"A": "n n", "X": "n n", "B": "n n"}, "X", "det(A X B) X⁻ᵀ"),
    ("det(X.T @ X)", {"X": "n n"}, "X", "2 det(Xᵀ X) X⁻ᵀ"),
    ("logdet(X.T @ X)", {"X": "n m"}, "X", "2 X (Xᵀ X)⁻¹"),
    ("logdet(L @ L.T)", {"L": "n n lower"}, "L", "2 diag(1 / diagonal(L))"),
    # And against diagonal matrices between, before and behind them.
    ("logdet(Q @ diag(d) @ Q.T)", {"Q": "n n", "d": "n"}, "d", "1 / d"),
    ("logdet(Q @ diag(d) @ Q.T)", {"Q": "n n", "d": "n"}, "Q", "2 Q⁻ᵀ"),
    ("logdet(diag(u) @ K @ diag(u))", {"u": "n", "K": "n n spd"}, "u", "2 / u"),
    ("logdet(diag(u) @ K @ diag(u))", {"u": "n", "K": "n n spd"}, "K", "K⁻¹"),
    # But one inverse is not made two.
    ("trace(inv(A @ X @ B))", {"A": "n n", "X": "n n", "B": "n n"}, "X", "−Aᵀ (S⁻ᵀ)² Bᵀ, where S = A X B"),
    # The inverse of a Kronecker product is that of its factors.
    ("logdet(kron(A, B))", {"A": "n n", "B": "m m"}, "A", "m A⁻ᵀ"),
    ("inv(kron(A, B)) @ vec(X)", {"A": "m m", "B": "n n", "X": "n m"}, "A", "−A⁻ᵀ reshape(G, m, n) B⁻¹ X A⁻ᵀ"),
    ("solve(kron(A, B), vec(X))", {"A": "m m", "B": "n n", "X": "n m"}, "X", "B⁻ᵀ reshape(G, m, n)ᵀ A⁻¹"),
    # A product meets the powers of it entry by entry: Lee & Seung's divergence, Poisson regression.
    ("sum(A * log(A / (W @ H)) - A + W @ H)", {"A": "n m positive", "W": "n k positive", "H": "k m positive"}, "H",
     "Wᵀ (1 − A / (W H))"),
    ("sum(y * log(X @ w) - X @ w)", {"y": "n", "X": "n m positive", "w": "m positive"}, "w", "Xᵀ (y / (X w) − 1)"),
    # Common factors: of sums over an axis, beside numbers that differ, of outer products.
    ("sum(log(cosh(X @ w - y)))", {"X": "n m", "w": "m", "y": "n"}, "w", "Xᵀ tanh(X w − y)"),
    ("log(exp(x) + 1) - log(cosh(x / 2))", {"x": "n"}, "x", "½ G"),
    ("logdet(W) - sum(log(cosh(W @ x)))", {"W": "n n", "x": "n"}, "W", "W⁻ᵀ − tanh(W x) xᵀ"),
    ("2 * y @ X @ w - z @ X @ w", {"y": "n", "z": "n", "X": "n m", "w": "m"}, "w", "Xᵀ (2 y − z)"),
    ("(x - A @ s) @ W @ (x - A @ s)", {"x": "n", "A": "n m", "s": "m", "W": "n n"}, "A", "−(W + Wᵀ) (x − A s) sᵀ"),
    # Sums in two products are opened where terms cancel, as in the triplet loss.
    ("a * norm(x - y)**2 - a * norm(x - z)**2", {"a": "", "x": "n", "y": "n", "z": "n"}, "x", "2 a (z − y)"),
    # Cross entropy, written with two logarithms.
    ("y @ log(sigmoid(X @ b)) + (1 - y) @ log(1 - sigmoid(X @ b))", {"X": "n m", "y": "n", "b": "m"}, "b",
     "Xᵀ (y − σ(X b))"),
    # An indicator says nothing beside what is zero where it is: hinge losses.
    ("sum(relu(A @ x - b)**2)", {"A": "n m", "x": "m", "b": "n"}, "x", "2 Aᵀ relu(A x − b)"),
    ("sum(maximum(0, 1 - y * (X @ w))**2)", {"X": "n m", "y": "n", "w": "m"}, "w",
     "−2 Xᵀ (y ∘ max(0, 1 − y ∘ (X w)))"),
    # Variable powers merge with their bases.
    ("det(X)**(1/n)", {"X": "n n spd"}, "X", "det(X)^(1 / n) X⁻¹ / n"),
    ("x**(a - 1) * x * y", {"x": "n positive", "a": "", "y": "n"}, "y", "G ∘ x∘^a"),
    # Functions of eigenvalues that have a name.
    ("sum(eigvalsh(X)**2)", {"X": "n n symmetric"}, "X", "2 X"),
    ("sum(exp(eigvalsh(X)))", {"X": "n n symmetric"}, "X", "e^X"),
    ("-sum(eigvalsh(X) * log(eigvalsh(X)))", {"X": "n n spd"}, "X", "−logm(X) − I"),
    ("sum(svdvals(X)**4)", {"X": "n m"}, "X", "4 X Xᵀ X"),
    # What commutes solves Sylvester's equation; the distance of Bures, and roots beside what they are roots of.
    ("trace(sqrtm(X))", {"X": "n n"}, "X", "½ (X^½)⁻ᵀ"),
    ("trace(B) - 2 * trace(sqrtm(sqrtm(A) @ B @ sqrtm(A)))", {"A": "n n spd", "B": "n n spd"}, "B",
     "I − A^½ (A^½ B A^½)^(−½) A^½"),
    # One inverse for two: the matrix-t distribution. Not where a definite matrix would become any.
    ("logdet(eye(n) + inv(K) @ (X - M) @ inv(W) @ (X - M).T)",
     {"K": "n n spd", "X": "n m", "M": "n m", "W": "m m spd"}, "M", "−2 (K + S W⁻¹ Sᵀ)⁻¹ S W⁻¹, where S = X − M"),
    ("logdet(eye(n) + inv(K) @ A @ A.T)", {"K": "n n spd", "A": "n m"}, "K", "−(K + A Aᵀ)⁻¹ A Aᵀ K⁻¹"),
    ("logdet(eye(n) + inv(K) @ S)", {"K": "n n spd", "S": "n n spd"}, "S", "(K + S)⁻¹"),
    ("inv(inv(A) + inv(B)) @ inv(A) @ x", {"A": "n n spd", "B": "n n spd", "x": "n"}, "x", "A⁻¹ (A⁻¹ + B⁻¹)⁻¹ G"),
    # An entry of a sum is one term of it: rows, columns and entries, and not diag(e_0).
    ("eigh(S).eigenvalues[0]", {"S": "n n symmetric"}, "S",
     "V[:, 0] V[:, 0]ᵀ, where V = eigh(S).eigenvectors"),
    ("inv(X)[0, 1]", {"X": "n n"}, "X", "−(X⁻¹)[0, :] (X⁻¹)[:, 1]ᵀ"),
    ("X[0, :] @ A @ X[1, :]", {"X": "n m", "A": "m m"}, "X", "e_1 X[0, :]ᵀ A + e_0 X[1, :]ᵀ Aᵀ"),
    ("norm(inv(sqrtm(K)) @ x)**2", {"K": "n n spd", "x": "n"}, "K", "−K⁻¹ x xᵀ K⁻¹"),
    # A system in a product is an inverse where the product is symmetric, or beside that inverse.
    ("trace(solve(K, C @ solve(S, C.T)))", {"K": "n n spd", "C": "n m", "S": "m m spd"}, "K", "−K⁻¹ C S⁻¹ Cᵀ K⁻¹"),
    ("y @ solve(Q @ solve(K, Q.T) + R, y)", {"K": "m m spd", "Q": "n m", "R": "n n spd", "y": "n"}, "y",
     "2 (Q K⁻¹ Qᵀ + R)⁻¹ y"),
    ("logdet(eye(m) - solve(S, C.T @ solve(K, C)))", {"K": "n n spd", "C": "n m", "S": "m m spd"}, "C",
     "−2 K⁻¹ C (S − Cᵀ K⁻¹ C)⁻¹"),
    # What all terms are multiplied by entry by entry, and the vector that all outer products have.
    ("A * B - A * C", {"A": "n m", "B": "n m", "C": "n m"}, "A", "G ∘ (B − C)"),
    ("c @ (tanh(A @ x) * b) - sum(exp(A @ x))", {"A": "n m", "b": "n", "c": "n", "x": "m"}, "A",
     "(c ∘ (1 − tanh(A x)∘²) ∘ b − exp(A x)) xᵀ"),
    # A selection is written as a part of what stands beside it, whichever side that is.
    ("x[:2] / x[2]", {"x": "3"}, "x", "[G / x[2]; −x[:2]ᵀ G / x[2]²]"),
    ("(K @ x)[:2] / (K @ x)[2]", {"K": "3 3", "x": "3"}, "x",
     "K[:2, :]ᵀ G / s − (Gᵀ K[:2, :] x) K[2, :] / s², where s = K[2, :]ᵀ x"),
    # What is packed and unpacked again is a triangle.
    ("vech(L @ S @ L.T) @ vech(S)", {"L": "n n lower", "S": "n n symmetric"}, "L", "tril((tril(S) + tril(S)ᵀ) L S)"),
    ("norm(vech(inv(K)))**2", {"K": "n n spd"}, "K", "−K⁻¹ (tril(K⁻¹) + tril(K⁻¹)ᵀ) K⁻¹"),
    # A power of a masked matrix is masked once.
    ("sum(tril(A @ B)**3)", {"A": "n m", "B": "m n"}, "A", "3 tril((A B)∘²) Bᵀ"),
    # Each term of a sum is split for itself.
    ("norm(vec(A @ X @ B) - c)**2", {"A": "p m", "X": "m n", "B": "n q", "c": "p*q"}, "X",
     "2 Aᵀ (A X B − reshape(c, q, p)ᵀ) Bᵀ"),
    # Quotients below the line are cleared where that leaves less.
    ("-(v + n)/2 * log(1 + (x - u) @ inv(S) @ (x - u) / v)", {"S": "n n spd", "x": "n", "u": "n", "v": "positive"}, "u",
     "(v + n) S⁻¹ r / (v + rᵀ S⁻¹ r), where r = x − u"),
    ("arctan(b @ x / (a @ x))", {"a": "n", "b": "n", "x": "n"}, "x",
     "((aᵀ x) b − (bᵀ x) a) / ((aᵀ x)² + (bᵀ x)²)"),
    ("sum(log(1 + square(X @ w - y) / c**2))", {"X": "m n", "w": "n", "y": "m", "c": "positive"}, "w",
     "2 Xᵀ (r / (c² 1 + r∘²)), where r = X w − y"),
    # What an index with one value joins are entries, each by itself.
    ("-log(softmax(Z @ z)[0])", {"Z": "m n", "z": "n"}, "z", "Zᵀ (softmax(Z z) − e_0)"),
    ("(eye(n) - K @ C) @ P @ (eye(n) - K @ C).T + K @ R @ K.T",
     {"K": "n k", "C": "k n", "P": "n n spd", "R": "k k spd"}, "K", "(G + Gᵀ) (K R − (I − K C) P Cᵀ)"),
    # Of the gradient of a constraint's multiple nothing is left: ‖R p‖ is constant.
    ("norm(R @ p + t - q)**2", {"R": "n n orthogonal", "p": "n", "q": "n", "t": "n"}, "R",
     "(t − q) pᵀ − R p (t − q)ᵀ R"),
    ("norm(A @ R - B)**2", {"R": "n n orthogonal", "A": "m n", "B": "m n"}, "R", "R Bᵀ A R − Aᵀ B"),
    ("norm(A - Q @ Q.T @ A)**2", {"Q": "n k stiefel", "A": "n m"}, "Q", "−2 (I − Q Qᵀ) A Aᵀ Q"),
    # Equal factors are a power, and what cancels is left out.
    ("b @ solve(B @ diag(w) @ B.T, b)", {"B": "n k", "w": "k positive", "b": "n"}, "w", "−(Bᵀ (B diag(w) Bᵀ)⁻¹ b)∘²"),
    # Parts of a matrix are not taken apart, and those of a symmetric one are columns.
    ("S[0, 0] - S[0, 1:] @ inv(S[1:, 1:]) @ S[1:, 0]", {"S": "n n spd"}, "S",
     "[1, −rᵀ; −r, r rᵀ], where r = S[1:, 1:]⁻¹ S[1:, 0]"),
    ("logdet(A[:2, :2] - A[:2, 2:] @ B)", {"A": "n n", "B": "n-2 2"}, "B",
     "−A[:2, 2:]ᵀ S⁻ᵀ, where S = A[:2, :2] − A[:2, 2:] B"),
    ("trace(sqrtm(sqrtm(A) @ B @ sqrtm(A)))**2", {"A": "n n spd", "B": "n n spd"}, "A",
     "tr(M) lyapunov(A^½, B A^½ M⁻¹ + M⁻¹ A^½ B), where M = (A^½ B A^½)^½"),
]  # fmt: skip


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "declarations", "name", "written"), RESULTS)
def test_a_result_reads_well(text: str, declarations: dict[str, str], name: str, written: str) -> None:
    D = gw.derive(gw.parse(text, **declarations), wrt=name)
    results = str(D).partition("✓\n\n")[2].splitlines()
    assert results[0].partition("   ")[2] == written


STATEMENTS = [
    ("X @ X @ X", {"X": "n n"}, "dY = dX X² + X dX X + X² dX"),
    ("solve(A, b)", {"A": "n n", "b": "n"}, "dy = A⁻¹ (db − dA y)"),
    ("a * x @ x", {"a": "", "x": "n"}, "df = ‖x‖² da + 2 a xᵀ dx"),
    ("norm(A @ x - b)", {"A": "m n", "x": "n", "b": "m"}, "df = rᵀ dr / ‖r‖"),
    ("ldl(A).D", {"A": "n n spd"}, "M D + D Mᵀ + diag(δ) = L⁻¹ dA L⁻ᵀ"),
    ("sum(cumsum(x)**2)", {"x": "n"}, "df = 2 cumsum(x)ᵀ cumsum(dx)"),
    ("cumsum(X, axis=0) * Y", {"X": "n m", "Y": "n m"}, "dZ = cumsum(dX, axis=0) ∘ Y + P ∘ dY"),
    # A diagonal is written as one where that needs no more transposes, and of what is turned into a frame.
    ("eigh(S).eigenvalues", {"S": "n n symmetric"}, "dλ = diagonal(Vᵀ dS V)"),
    ("eig(A).eigenvalues", {"A": "n n"}, "dλ = diagonal(V⁻¹ dA V)"),
    ("svd(A).S", {"A": "n m"}, "dS = diagonal(Uᵀ dA V)"),
    ("diagonal(A @ X)", {"A": "n m", "X": "m n"}, "dy = diagonal(dA X) + diagonal(A dX)"),
    ("sum(A * X, axis=0)", {"A": "n m", "X": "n m"}, "dy = sum(dA ∘ X, axis=0) + sum(A ∘ dX, axis=0)"),
    ("relu(A @ x)", {"A": "m n", "x": "n"}, "dy = [r > 0] ∘ dr"),
    ("sqrtm(A)", {"A": "n n spd"}, "d(A^½) = lyapunov(A^½, dA)"),
    ("cholesky(K) @ z", {"K": "n n spd", "z": "n"}, "dy = S (Φ(S⁻¹ dK S⁻ᵀ) z + dz)"),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("text", "declarations", "statement"), STATEMENTS)
def test_a_step_reads_well(text: str, declarations: dict[str, str], statement: str) -> None:
    D = gw.derive(gw.parse(text, **declarations))
    assert statement in {step.statement.text for step in D.steps}


def test_a_number_below_the_line_leaves_a_trace_one() -> None:
    rate = gw.parse("real(logdet(eye(n) + H @ Q @ H.H / s))", H="n m complex", Q="m m hermitian", s="positive")
    written = "tr((I + H Q Hᴴ / s)⁻¹ (dH Q Hᴴ + H Q dHᴴ)) / s"
    assert str(gw.derive(rate, wrt="H").differential) == written


def test_like_terms_are_one() -> None:
    assert str(gw.derive(gw.parse("x * (1 - x / k)", x="", k=""), wrt="x").differential) == "(1 − 2 x / k) dx"


def test_the_square_of_sums_is_a_norm() -> None:
    averaged = gw.parse("sum(X, axis=1) @ sum(X, axis=1) / m + mean(X, axis=1) @ mean(X, axis=1)", X="n m")
    assert str(averaged) == "‖sum(X, axis=1)‖² / m + ‖mean(X, axis=1)‖²"


def test_a_scalar_and_a_sign_stand_in_front_of_the_solution_of_an_equation() -> None:
    centred = gw.define(
        "centred", ["A @ Y + Y @ A.T + c * eye(n) = Q", "trace(Y) = 1"],
        unknown="Y: n n symmetric, c: ", given="Q: n n symmetric, A: n n",
    )  # fmt: skip
    Y = centred(gw.matrix("Q", "n", "n", facts="symmetric"), gw.matrix("A", "n", "n")).Y
    statement = next(s.statement.text for s in gw.derive(Y, wrt="Q").steps if s.rule == "result")
    assert statement == "dY = P − tr(P) S / tr(S)"


PRODUCTS = [
    ("trace(Q.T @ A @ Q)", {"A": "n n symmetric", "Q": "n m stiefel"}, "Q",
     "2 A dQ − 2 dQ Qᵀ A Q − Q Qᵀ (A dQ − dQ Qᵀ A Q) − Q (A dQ − dQ Qᵀ A Q)ᵀ Q"),
    ("trace(matrix_exp(t * A) @ B)", {"t": "", "A": "n n", "B": "n n"}, "t", "tr(A² e^(t A) B) dt"),
    ("trace(inv(inv(P) + H.T @ inv(R) @ H))", {"P": "n n spd", "H": "m n", "R": "m m spd"}, "R",
     "−R⁻¹ (M dR R⁻¹ H S² Hᵀ + H S² Hᵀ R⁻¹ dR Mᵀ) R⁻¹, where S = (P⁻¹ + Hᵀ R⁻¹ H)⁻¹, M = I − H S Hᵀ R⁻¹"),
    ("trace(P @ lyapunov(A, Q))", {"A": "n n", "P": "n n symmetric", "Q": "n n symmetric"}, "A",
     "2 (S lyapunov(A, dA M + M dAᵀ) + lyapunov(Aᵀ, S dA + dAᵀ S) M), where S = lyapunov(Aᵀ, P), M = lyapunov(A, Q)"),
    ("logdet(W @ W.T + diag(p)) + trace(solve(W @ W.T + diag(p), C))",
     {"W": "n k", "p": "n positive", "C": "n n symmetric"}, "p",
     "(P ∘ (2 P C P − P)) dp, where P = (W Wᵀ + diag(p))⁻¹"),
    ("norm(R @ p - q)**2", {"R": "n n orthogonal", "p": "n", "q": "n"}, "R",
     "½ (dR (Rᵀ q pᵀ + p qᵀ R) − R (Rᵀ q pᵀ + p qᵀ R) dRᵀ R)"),
    ("(y - H @ m) @ inv(H @ P @ H.T + R) @ (y - H @ m)",
     {"H": "k n", "P": "n n spd", "R": "k k spd", "y": "k", "m": "n"}, "P",
     "Hᵀ S H dP r rᵀ + r rᵀ dP Hᵀ S H, where S = (H P Hᵀ + R)⁻¹, r = Hᵀ S (y − H m)"),
    ("log(p @ matrix_power(T, 2) @ q)", {"p": "n", "T": "n n", "q": "n"}, "T",
     "(dTᵀ p qᵀ + p qᵀ dTᵀ) / (pᵀ T² q) − (pᵀ dT T q + pᵀ T dT q) (Tᵀ p qᵀ + p qᵀ Tᵀ) / (pᵀ T² q)²"),
    ("sum(A * (outer(x, ones(n)) - outer(ones(n), x))**4)", {"A": "n n", "x": "n"}, "x",
     "12 (sum(A ∘ P ∘ (1 dxᵀ − dx 1ᵀ), axis=0) + sum(A ∘ P ∘ (dx 1ᵀ − 1 dxᵀ), axis=1)), where P = (x 1ᵀ − 1 xᵀ)∘²"),
    ("sum((Q @ x)**4)", {"Q": "n n orthogonal", "x": "n"}, "Q",
     "6 ((Q x)∘² ∘ (dQ x)) xᵀ − dQ (P + Pᵀ) − Q (6 ((Q x)∘² ∘ (dQ x)) xᵀ − dQ (P + Pᵀ))ᵀ Q, where P = Qᵀ (Q x)∘³ xᵀ"),
    # Of s, s² and s³ the letter is s.
    ("x @ x / (x @ B @ x)", {"B": "n n spd", "x": "n"}, "x",
     "4 (2 ‖x‖² xᵀ B dx / s³ − xᵀ dx / s²) B x − 2 ‖x‖² B dx / s² + 2 dx / s − 4 (xᵀ B dx) x / s², where s = xᵀ B x"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("text", "declarations", "name", "written"), PRODUCTS)
def test_the_product_with_a_hessian_reads_well(
    text: str, declarations: dict[str, str], name: str, written: str
) -> None:
    D = gw.derive(gw.parse(text, **declarations), wrt=name)
    assert str(D.hvp) == written
    assert D.verify().right


# Each term beside its transpose, the shorter of the two first.
HESSIANS = [
    # Quotients of a gradient are differentiated one by one: the information of Bernoulli trials.
    ("sum(y * log(p) + (1 - y) * log(1 - p))", {"p": "n", "y": "n"}, "p", "diag(−(1 − y) / (1 − p)∘² − y / p∘²)"),
    ("sum(k * log(l / (1 + l)))", {"k": "n", "l": "n"}, "l", "diag(k ∘ ((1 + l)∘⁻² − 1 / l∘²))"),
    # A part that is a sum of others says so.
    ("logdet(X.T @ inv(V) @ X)", {"X": "n m", "V": "n n spd"}, "V",
     "roll₂→₄(½ P ⊗ (V⁻¹ − P)) + roll₂→₄(½ V⁻¹ ⊗ P) + roll₂→₃(½ P ⊗ (V⁻¹ − P)) + roll₂→₃(½ V⁻¹ ⊗ P), "
     "where P = V⁻¹ X (Xᵀ V⁻¹ X)⁻¹ Xᵀ V⁻¹"),
    ("sum((1 - x)**2) + 100 * sum((y - x**2)**2)", {"x": "n", "y": "n"}, "x", "diag(1200 x∘² − 400 y + 2)"),
    ("x @ A @ x", {"x": "n", "A": "n n"}, "x", "A + Aᵀ"),
    ("(x @ A @ x) / (x @ x)", {"x": "n", "A": "n n symmetric"}, "x",
     "8 (xᵀ A x) x xᵀ / ‖x‖⁶ − 4 (A x xᵀ + x xᵀ A) / ‖x‖⁴ − 2 (xᵀ A x) I / ‖x‖⁴ + 2 A / ‖x‖²"),
    ("(x @ y) / norm(x)", {"x": "n", "y": "n"}, "x",
     "3 (xᵀ y) x xᵀ / ‖x‖⁵ − (x yᵀ + y xᵀ) / ‖x‖³ − (xᵀ y) I / ‖x‖³"),
    ("norm(A @ x) * norm(B @ x)", {"x": "n", "A": "m n", "B": "k n"}, "x",
     "(P + Pᵀ) / (‖A x‖ ‖B x‖) + ‖A x‖ Bᵀ B / ‖B x‖ − ‖A x‖ Bᵀ B x xᵀ Bᵀ B / ‖B x‖³ + ‖B x‖ Aᵀ A / ‖A x‖"
     " − ‖B x‖ Aᵀ A x xᵀ Aᵀ A / ‖A x‖³, where P = Aᵀ A x xᵀ Bᵀ B"),
    # The covariance of a choice, and of a mixture.
    ("-log(softmax(Z @ z)[0])", {"Z": "m n", "z": "n"}, "z", "Zᵀ (diag(softmax(Z z)) − softmax(Z z) softmax(Z z)ᵀ) Z"),
    ("log(sum(exp(-a * (R @ w)))) / a", {"R": "n m", "w": "m", "a": "positive"}, "w",
     "a Rᵀ (diag(softmax(−a R w)) − softmax(−a R w) softmax(−a R w)ᵀ) R"),
    ("log(sum(p * exp(-(x - u)**2 / 2)))", {"p": "n positive", "x": "", "u": "n"}, "u",
     "−diag(r ∘ (1 − (x 1 − u)∘²)) − z zᵀ, where r = softmax(log(p) − ½ (x 1 − u)∘²), z = r ∘ (x 1 − u)"),
    ("logsumexp(concatenate(N @ x, P @ x))", {"N": "n m", "P": "k m", "x": "m"}, "x",
     "[Nᵀ, Pᵀ] (diag(r) − r rᵀ) [N; P], where r = softmax([N x; P x])"),
    # What deviates from the mean stress has no trace.
    ("norm(S - trace(S) / 3 * eye(3))", {"S": "3 3 symmetric"}, "S",
     "(roll₂→₃(I ⊗ I) + roll₂→₄(I ⊗ I)) / (2 ‖P‖) − (P ⊗ P) / ‖P‖³ − (I ⊗ I) / (3 ‖P‖)"
     ", where P = S − ⅓ tr(S) I"),
    ("sum(sqrt(x**2 + e))", {"x": "n", "e": "positive"}, "x", "e diag(1 / (x∘² + e 1)∘^(3/2))"),
    ("sum(x * exp(-x**2))", {"x": "n"}, "x", "2 diag(exp(−x∘²) ∘ x ∘ (2 x∘² − 3))"),
    ("sum(X * sin(X))", {"X": "n m"}, "X", 'einsum("ab,ac,bd->abcd", 2 cos(X) − X ∘ sin(X), I, I)'),
    ("1 / (1 + x**2)", {"x": ""}, "x", "2 (3 x² − 1) / (1 + x²)³"),
    ("sum(x / (1 + abs(x)))", {"x": "n"}, "x", "−2 diag(sign(x) / (1 + |x|)∘³)"),
    ("k * (norm(x) - a)**2 / 2", {"x": "n", "k": "", "a": ""}, "x", "k (a x xᵀ / ‖x‖³ + (‖x‖ − a) I / ‖x‖)"),
    ("norm(V @ sigmoid(W @ x) - y)**2 / 2", {"V": "k p", "W": "p m", "x": "m", "y": "k"}, "W",
     "roll₂→₃((diag(σ(W x) ∘ σ(−W x) ∘ (σ(−W x) − σ(W x)) ∘ (Vᵀ (V σ(W x) − y))) + P Vᵀ V P) ⊗ x xᵀ)"
     ", where P = diag(σ(W x) ∘ σ(−W x))"),
    # Two vectors beside a matrix are a matrix.
    ("a @ inv(X) @ b", {"X": "n n", "a": "n", "b": "n"}, "X",
     "roll₁→₄(X⁻¹ ⊗ X⁻¹ b aᵀ X⁻¹) + roll₂→₄(X⁻ᵀ a bᵀ X⁻ᵀ ⊗ X⁻¹)"),
    ("b @ X.T @ X @ c", {"X": "n m", "b": "m", "c": "m"}, "X", "roll₂→₃(I ⊗ (b cᵀ + c bᵀ))"),
    # A scalar product is written in one order.
    ("p @ inv(M + outer(q, q)) @ p / 2", {"p": "n", "M": "n n spd", "q": "n"}, "q",
     "(qᵀ P q − 1) P p pᵀ P + (pᵀ P q) (P p qᵀ P + P q pᵀ P) + (pᵀ P q)² P, where P = (M + q qᵀ)⁻¹"),
    ("l[0] * cos(q[0]) + l[1] * cos(q[0] + q[1])", {"l": "2", "q": "2"}, "q",
     "[−(s l[1] + l[0] cos(q[0])), −s l[1]; −s l[1], −s l[1]], where s = cos(q[0] + q[1])"),
    # What is the same along an axis is a vector.
    ("sum((y + r) * log(r + exp(A @ w)))", {"A": "n d", "w": "d", "y": "n", "r": ""}, "w",
     "r Aᵀ diag((y + r 1) ∘ exp(A w) / (r 1 + exp(A w))∘²) A"),
]  # fmt: skip


# What has a matrix notation within a product of tensors is one operand.
TENSORS = [
    ("c * A + B + c * A.H", {"A": "n n complex", "B": "n n complex", "c": ""}, "c (A + Aᴴ) + B"),
    ("exp(T) * T", {"T": "n m k"}, "exp(T) ∘ T"),
    ('einsum("ij,ikl,jm->klm", A, T, B)', {"A": "n p", "B": "p m", "T": "n k l"}, 'einsum("dc,dab->abc", A B, T)'),
    ('einsum("ij,ijk,ij->ik", A, T, B)', {"A": "n p", "B": "n p", "T": "n p k"}, 'einsum("ac,acb->ab", A ∘ B, T)'),
    ('einsum("i,ij,jka->ka", x, A, T)', {"A": "n n", "x": "n", "T": "n n k"}, 'einsum("c,cab->ab", Aᵀ x, T)'),
    ("T - outer(x, outer(y, z))", {"T": "n m k", "x": "n", "y": "m", "z": "k"}, "T − x ⊗ y ⊗ z"),
    ('einsum("ij,jlm->jlm", A, T)', {"A": "n p", "T": "p k l"}, 'einsum("a,abc->abc", sum(A, axis=0), T)'),
    ('einsum("a,bc,ijk->ijk", x**3, X, T)', {"x": "n", "X": "n m", "T": "n m k"}, "sum(x∘³) sum(X) T"),
    ('einsum("abb,bc->abc", T, eye(n))', {"T": "m n n"}, 'einsum("abb,bc->abc", T, I)'),
    ("outer(X, (x @ A @ x) * X)", {"A": "n n", "X": "n m", "x": "n"}, "(xᵀ A x) (X ⊗ X)"),
]


@pytest.mark.parametrize(("text", "declarations", "written"), TENSORS)
def test_a_tensor_reads_well(text: str, declarations: dict[str, str], written: str) -> None:
    expression = gw.parse(text, **declarations)
    assert str(expression) == written
    assert gw.parse(expression.text(), **declarations).text() == expression.text()


@pytest.mark.parametrize(("text", "declarations", "name", "written"), HESSIANS)
def test_a_hessian_reads_well(text: str, declarations: dict[str, str], name: str, written: str) -> None:
    D = gw.derive(gw.parse(text, **declarations), wrt=name)
    assert str(D.hessian) == written
    assert gw.equal(D.hessian, gw.parse(D.hessian.text(), **declarations)).status != "refuted"
    assert D.verify().right


@pytest.mark.parametrize(
    ("text", "declarations", "name"),
    [
        ("softmax(x) @ y", {"x": "n", "y": "n"}, "x"),
        ("trace(C @ lyapunov(A, Q))", {"A": "n n", "C": "n n symmetric", "Q": "n n symmetric"}, "A"),
        ("trace(matrix_exp(X))", {"X": "n n"}, "X"),
        ("logdet(K)", {"K": "n n spd"}, "K"),
    ],
)
def test_the_jacobian_of_a_scalar_is_written_as_its_gradient(
    text: str, declarations: dict[str, str], name: str
) -> None:
    D = gw.derive(gw.parse(text, **declarations), wrt=name)
    assert str(D.jacobian) == str(D.gradient)


CONDITIONS = [
    ("log(x / y)", {"x": "", "y": ""}, ("x / y > 0",)),
    ("log(1 + abs(conj(h) @ w)**2)", {"h": "n complex", "w": "n complex"}, ()),
    ("sum(log(w * (K @ w)))", {"w": "n positive", "K": "n n spd"}, ("K w > 0",)),
    ("log(abs(det(Z)))", {"Z": "n n complex"}, ("Z is invertible",)),
    ("sum(sqrt(abs(x)))", {"x": "n"}, ("x ≠ 0",)),
    ("1 / x + log(x)", {"x": ""}, ("x > 0",)),
    ("1 / det(X)", {"X": "n n"}, ("X is invertible",)),
    ("(x @ A @ x) / (x @ x)", {"x": "n", "A": "n n"}, ("x ≠ 0",)),
    ("sum(norm(X, axis=1))", {"X": "n m"}, ("every row of X ≠ 0",)),
    ("sum(norm(X, axis=0))", {"X": "n m"}, ("every column of X ≠ 0",)),
]


@pytest.mark.parametrize(("text", "declarations", "conditions"), CONDITIONS)
def test_a_condition_is_said_once(text: str, declarations: dict[str, str], conditions: tuple[str, ...]) -> None:
    assert gw.derive(gw.parse(text, **declarations)).conditions == conditions


def test_an_indicator_is_a_bracket_in_latex() -> None:
    gradient = gw.derive(gw.parse("sum(relu(x))", x="n"), wrt="x").gradient
    assert gradient.latex() == r"\left[ x > 0 \right]"


def test_the_jacobian_of_a_matrix_equation_is_the_equation_with_a_tensor_on_its_right() -> None:
    J = gw.derive(gw.parse("sqrtm(X)", X="n n"), wrt="X").jacobian
    assert str(J) == "sylvester(X^½, X^½, roll₂→₃(I ⊗ I))"


def test_greek_names_are_greek_wherever_formulas_are() -> None:
    D = gw.derive(gw.parse("norm(x - mu)**2", x="n", mu="n"), wrt="mu")
    text = D.text("brief")
    assert "what multiplies dμ]" in text
    assert "\n∇_μ   " in text
    assert r"\nabla_{\mu} &" in D.latex()
    assert as_text(D.page("brief"), ASCII).isascii()
    assert "\ngrad_mu   " in as_text(D.page("brief"), ASCII)


LATEX_CONDITIONS = [
    ("(x @ A @ x) / (x @ x)", {"x": "n", "A": "n n"}, r"$x \ne 0$"),
    ("logdet(A @ B)", {"A": "n n", "B": "n n"}, r"$\det\left(A B\right) > 0$"),
    ("log(1 + x)", {"x": ""}, "$1 + x > 0$"),
    ("sum(norm(X, axis=1))", {"X": "n m"}, r"every row of $X \ne 0$"),
    ("lyapunov(A, Q)", {"A": "n n", "Q": "n n"}, "no two eigenvalues of $A$ add up to zero"),
]


@pytest.mark.parametrize(("text", "declarations", "needs"), LATEX_CONDITIONS)
def test_what_a_derivative_needs_is_told_in_latex_too(text: str, declarations: dict[str, str], needs: str) -> None:
    assert gw.derive(gw.parse(text, **declarations), wrt=next(iter(declarations))).latex().endswith(f"Needs: {needs}.")


LATEX_NOTES = [
    ("cholesky(K)", {"K": "n n spd"}, r"$\Phi(M)$ is the lower triangle of $M$ with half of its diagonal"),
    ("polar(Z).U", {"Z": "n m complex"},
     r"$\operatorname{lyapunov}(A, Q)$ is the $X$ with $A X + X A^{\mathsf{H}} = Q$"),
    ("matrix_exp(X)", {"X": "n n"}, r"$\exp[X, Y](E)$ is the upper right block of the exponential of "
     r"$\begin{bmatrix} X & E \\ 0 & Y \end{bmatrix}$"),
    ("X ** 2", {"X": "n n"},
     r"the power 2 of the square matrix X is taken entry by entry; the function of the matrix is matrix\_power"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "declarations", "note"), LATEX_NOTES)
def test_what_the_notation_means_is_told_in_latex_too(text: str, declarations: dict[str, str], note: str) -> None:
    assert gw.derive(gw.parse(text, **declarations), wrt=next(iter(declarations))).latex().endswith(f"\nNote: {note}.")


def test_a_sum_above_a_line_has_no_parentheses() -> None:
    assert gw.parse("(A @ B + B @ A) / sqrt(d)", A="d d", B="d d").latex() == r"\frac{A B + B A}{\sqrt{d}}"


def test_variables_of_one_set_are_projected_on_it_once() -> None:
    D = gw.derive(gw.parse("trace(A @ P) * trace(B @ R)", A="n n", B="n n", P="n n spd", R="n n spd"), wrt=["P", "R"])
    assert D.steps[-1].reason == "onto the symmetric matrices"


def test_the_distribution_function_is_no_triangle() -> None:
    assert "triangle" not in str(gw.derive(gw.parse("sum(log_ndtr(X @ w))", X="n m", w="m"), wrt="w"))


def test_outputs_have_their_letters_before_they_are_told() -> None:
    steps = gw.derive(gw.parse("lu(X).U @ lu(X).L", X="n n"), wrt="X").steps
    assert [step.where for step in steps[:2]] == 2 * ["L = lu(X).L, U = lu(X).U"]
    assert str(steps[0].statement) == "dU = triu(L⁻¹ dX U⁻¹) U"


@pytest.mark.parametrize(
    ("text", "facts", "written"),
    [
        ("eigvalsh(S)", "n n symmetric", "V diag(G) Vᵀ, where V = eigh(S).eigenvectors"),
        ("svdvals(S)", "n m", "U diag(G) Vᵀ, where U = svd(S).U, V = svd(S).V"),
    ],
)
def test_an_output_that_occurs_twice_or_beside_another_has_its_letter(text: str, facts: str, written: str) -> None:
    assert str(gw.derive(gw.parse(text, S=facts), wrt="S").vjp) == written


def test_an_output_with_a_notation_of_its_own_has_no_letter() -> None:
    expression = gw.parse("slogdet(X).logabsdet * y + slogdet(X).sign", X="n n", y="")
    assert str(expression) == "y (log |det X|) + sign det X"
