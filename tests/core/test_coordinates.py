"""Constant linear spaces in numbers."""

from __future__ import annotations

import numpy as np
import pytest
from numerics import close

from gradwright.core.coordinates import coordinate_count, from_coordinates, projected, space_basis, to_coordinates
from gradwright.core.spaces import Space


@pytest.mark.parametrize("space", list(Space))
@pytest.mark.parametrize("complex_entries", [False, True])
class TestSpaces:
    def test_coordinates_determine_a_tensor_of_the_space(self, space: Space, complex_entries: bool) -> None:
        count = coordinate_count(space, (4, 4), complex_entries)
        coordinates = np.random.default_rng(0).normal(size=count)
        tensor = from_coordinates(space, coordinates, (4, 4), complex_entries)
        assert close(to_coordinates(space, tensor), coordinates)
        assert close(projected(space, tensor), tensor)

    def test_projections_are_orthogonal_on_what_the_basis_spans(self, space: Space, complex_entries: bool) -> None:
        basis = space_basis(space, (4, 4), complex_entries)
        raw = np.random.default_rng(0).normal(size=(4, 4)) * (1 + 1j if complex_entries else 1)
        left = raw - projected(space, raw)
        assert close(np.real(np.einsum("kij,ij->k", basis.conj(), left)), np.zeros(len(basis)))
