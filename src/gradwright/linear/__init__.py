"""Linear forms: transposing them, their Jacobians, and the projections on linear spaces."""
