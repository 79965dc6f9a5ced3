"""``gilcheck show`` and the names of its formats."""

import pytest

from pytest_gilcheck.commands.show import FORMATS, main
from pytest_gilcheck.evidence import UsageError


@pytest.mark.parametrize(
    ("word", "says"), [("story", "'story' is called 'report' now"), ("nope", f"expected one of {', '.join(FORMATS)}")]
)
def test_show_when_the_format_is_unknown_then_usage_names_those_there_are(word, says):
    """A format under its old name is answered with the new one."""
    with pytest.raises(UsageError, match=says):
        main(["-f", word, "report.json"])
