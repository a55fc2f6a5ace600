"""Renderings: mathematical text, LaTeX, the text language, and code for NumPy, PyTorch, JAX.

A formula is made in two steps: `translate` turns nodes into the tree of `formula`, with `matrices` for products that
have a matrix notation (which `notation` makes) and `tensors` for the others; `text` and `latex` write the tree, by the
walk of `writing`. `algebra` turns and multiplies formulas, `sharing` gives letters to what is repeated, and `render`
does all of it in one call. Code is in `code` and `torch`, numbers in `operators` and `systems`.
"""
