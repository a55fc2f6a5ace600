"""Tensor forms, as they are written, to formulas."""

from __future__ import annotations

from gradwright.back.algebra import scaled
from gradwright.back.formula import Call, Formula, Roll, TensorDot, TensorProduct
from gradwright.back.sums import sum_formula
from gradwright.back.tensors import tensor_formula
from gradwright.back.translate import Translator
from gradwright.core.tensor_forms import Dot, Form, Inner, Leaf, Outer, Rolled, Times, Total, lower


def form_formula(form: Form, translator: Translator) -> Formula:
    """The formula of a form."""
    rank = lower(form).rank
    match form:
        case Leaf(node=node):
            return tensor_formula(node, translator)
        case Outer(left=left, right=right):
            return TensorProduct(rank, False, (form_formula(left, translator), form_formula(right, translator)))
        case Dot(left=left, right=right, left_axes=a, right_axes=b, shown=shown):
            first, second = form_formula(left, translator), form_formula(right, translator)
            return TensorDot(rank, False, first, second, a, b, shown)
        case Rolled(inner=inner, start=start, end=end):
            return Roll(rank, False, form_formula(inner, translator), start, end)
        case Total(terms=terms):
            return sum_formula([form_formula(term, translator) for term in terms], False)
        case Times(coefficient=coefficient, inner=Outer(left=left, right=right)):
            first = scaled(coefficient, form_formula(left, translator))
            return TensorProduct(rank, False, (first, form_formula(right, translator)))
        case Times(coefficient=coefficient, inner=inner):
            return scaled(coefficient, form_formula(inner, translator))
        case Inner(left=left, right=right):
            first, second = form_formula(left, translator), form_formula(right, translator)
            latex = r"\left\langle {0}, {1} \right\rangle"
            return Call(0, True, "inner", (first, second), text="⟨{0}, {1}⟩", latex=latex)
