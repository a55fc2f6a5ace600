"""What PyTorch calls its operations, by what they do: names as a recorded computation has them."""

from __future__ import annotations

COMPARISONS = (
    "gt", "lt", "ge", "le", "eq", "ne", "__eq__", "__ne__", "__gt__", "__lt__", "__ge__", "__le__", "greater", "less",
    "greater_equal", "less_equal", "sign", "heaviside", "argmax", "argmin",
)  # fmt: skip
SUMS = ("add", "sub", "rsub", "__rsub__")
ENTRYWISE_PRODUCTS = ("mul", "multiply")
QUOTIENTS = ("div", "true_divide")
ENTRYWISE = (*SUMS, *ENTRYWISE_PRODUCTS, *QUOTIENTS)
POWERS = ("pow", "__pow__", "float_power")
INVERSES = ("inv", "inverse", "pinv")
MATRIX_PRODUCTS = ("matmul", "mm", "bmm", "mv", "dot", "__matmul__", "__rmatmul__")
FUNCTIONS = (
    "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "arctan", "sigmoid",
    "softplus", "erf", "log_ndtr", "lgamma", "digamma", "polygamma", "logsigmoid", "softmax", "log_softmax",
    "logsumexp", "matrix_exp",
)  # fmt: skip
TRANSPOSES = ("T", "mT", "H", "mH", "t", "transpose", "adjoint")
VIEWS = (*TRANSPOSES, "swapaxes", "permute")
