"""Renderings: mathematical text, LaTeX, HTML, the text language, and code for NumPy, PyTorch, JAX."""
