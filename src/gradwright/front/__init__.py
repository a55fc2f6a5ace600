"""From what a user writes to nodes: declarations, texts, and the identities of new primitives."""
