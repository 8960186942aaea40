import pytest

from marrowmap.values import Side


@pytest.mark.parametrize("side", Side)
def test_the_opposite_of_the_opposite_is_the_same_side(side):
    assert side.opposite is not side
    assert side.opposite.opposite is side
    assert side.sign == -side.opposite.sign


def test_a_string_is_no_side():
    assert Side.LEFT != "left"
    with pytest.raises(ValueError, match="L"):
        Side("L")
