"""What stands as text in a cell of a stored table."""

import numpy as np
import pytest

from mnistbook.kit.answers import pack_floats, pack_indices, right_rows, unpack_floats


def test_indices_of_wrong_answers_come_back_as_rows():
    right = right_rows([pack_indices([0, 3]), float("nan"), pack_indices([2])], images=4)
    assert right.tolist() == [[False, True, True, False], [True] * 4, [True, True, False, True]]


def test_floats_come_back_in_the_machines_own_order_of_bytes():
    values = np.array([[1.5, -0.0], [np.pi, 1e-40]], np.float32)
    again = unpack_floats(pack_floats(values))
    assert again.dtype == np.float32 and again.dtype.isnative
    np.testing.assert_array_equal(again, values.ravel())


def test_an_index_that_no_image_has_is_refused():
    with pytest.raises(IndexError):
        right_rows(["4"], images=4)
