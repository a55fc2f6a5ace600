"""Benchmarks that a stranger can run and believe: `make bench`."""
