"""Numbers that depend on the sizes of dimensions."""

from gradwright.check.diagnosis.of_sizes import in_sizes


def test_one_less_than_a_size_of_one_divides_nothing() -> None:
    assert [str(number) for number in in_sizes(2.0, {"n": 1}, 2)][:2] == ["2 n", "2/n"]
