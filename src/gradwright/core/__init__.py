"""Tensor expressions: nodes and their normal forms, the language, records of primitives, evaluation.

`nodes` says what an expression is, `dims`, `facts` and `spaces` what its axes and values are. `contraction` and `sums`
bring nodes to normal form, `build` makes them, `walks` goes through them, `inference` tells what is known of them.
`declarations`, `language` and `signature` read text; `primitive` is the record of a function, `registry` finds it by
name, `templates` reads its texts. `evaluate` gives values, in the numbers of `arithmetic` or of `modular`, at the
`points` where things are tried.
"""
