"""The public classes: expressions, derivations, and the functions that make them.

`expression`, made of `variables`, and `derivation` are what a user holds; the other modules are what their methods do,
a concern each, on top of the layers below: inputs are checked in `inputs`, the `provenance` of a derivative says what
else it asks for. A derivation answers a `question`; its `pages` are set in `presentation`, and it is checked in
`verification`.
"""
