"""The gate fails for the new release of a dependency, whose results are the same."""

from upgrade import upgraded


def test_the_gate_notices_what_no_result_shows():
    (status_before, output_before), (status_after, output_after) = upgraded()

    assert status_before == 0, output_before
    assert "1 passed" in output_before
    assert status_after == 1, output_after
    assert "1 passed, 1 gate failure" in output_after
    assert "GIL released -> held" in output_after
