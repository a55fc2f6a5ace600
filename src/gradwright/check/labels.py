"""The kinds of defect that a gradient can have: their names, and what each means in words."""

from __future__ import annotations

LABELS: dict[str, str] = {
    "missing_transpose": "a transpose is missing",
    "extra_transpose": "something is transposed that must not be",
    "wrong_sign": "a sign is wrong",
    "wrong_factor": "a constant number is missing or wrong",
    "missing_term": "a term of the gradient is missing",
    "extra_term": "there is a term that does not belong",
    "swapped_factors": "factors are multiplied in the wrong order",
    "not_symmetrised": "the symmetric part is due and not taken",
    "doubled_off_diagonal": "the off-diagonal entries are twice too large",
    "missing_mask": "entries that do not pass through the forward get a gradient",
    "wrong_mask": "a mask selects the wrong entries",
    "missing_conj": "a conjugate is missing",
    "detached_dependency": "a quantity that depends on the variable is treated as a constant",
    "missing_projection": "a component has to be removed and is not",
    "missing_trace_or_sum_over_batch": "only one of several contributions that have to be added is used",
    "broadcast_not_reduced": "the forward spread the variable out, and the gradient keeps the spread shape",
    "uses_input_instead_of_output": "the formula is for a computed value and gets what it was computed from",
    "elementwise_instead_of_matrix_product": "an entry-by-entry operation where a matrix operation is due",
    "missing_chain_factor": "the derivative of one stage is not multiplied in",
    "wrong_power": "a quantity appears to the wrong power",
    "unsummed_axis": "an inner sum is left out",
    "wrong_axis": "a sum, a broadcast or a reshape is along the wrong axis",
    "stale_saved_value": "a saved value is from another stage of the forward",
    "wrong_argument_gradient_swapped": "the gradient of another argument is returned",
    "second_order_only": "the numbers are right, but the backward cannot be differentiated again",
}
