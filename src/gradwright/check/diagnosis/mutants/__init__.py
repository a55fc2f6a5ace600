"""The right gradient with one mistake in it, one file for each family of mistakes."""
