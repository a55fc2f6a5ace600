"""Tensor expressions: nodes and their normal forms, the language, records of primitives, evaluation.

`nodes` says what an expression is, `dims`, `facts` and `spaces` what its axes and values are, `coordinates` how spaces
look in numbers. `contraction` and
`sums` bring nodes to normal form, in which `canonical` finds like terms; `build` makes them, `walks` goes through
them, `inference` tells what is known of them (by their `entry_signs`, `mirror_images`, `quadratic_forms` and
`schur_products`), `scalars` and `kronecker` take them apart. `syntax`, `declarations`,
`language`, `solutions` and `signature` read text; `primitive` is the record of a function, `registry` finds it by
name, `templates` reads its texts. `evaluate` gives values, in the numbers of `arithmetic` or of `modular`, at the
`points` where things are tried; `membership` says whether a value is in its declared set. What is written as tensors
is in `tensor_forms`.
"""
