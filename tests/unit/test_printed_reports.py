"""The reports that pages quote are compared by what no load may change."""

import printed_reports
import pytest

PAGE = """
<!-- report: demo -->
```console
$ gilcheck -s 'import demo' \\
      'demo.count()'
demo.count(): partial, held for 50.1 % of the call (19.2 ms)
  held for 7.96 ms at src/demo.pyx:36
$ gilcheck -q 'demo.wait()'
released
```
<!-- end of report -->
"""


def blocks():
    return list(printed_reports.BLOCK.finditer(PAGE))


def answers(*texts):
    """Return a function that prints these texts, one a call."""
    left = iter(texts)
    return lambda command: next(left)


def test_commands_when_one_goes_on_in_the_next_line_then_it_is_one():
    runs = [told["command"] for block in blocks() for told in printed_reports.RUN.finditer(block["body"])]

    assert runs == ["gilcheck -s 'import demo' \\\n      'demo.count()'", "gilcheck -q 'demo.wait()'"]


def test_compare_when_only_times_differ_then_there_is_nothing():
    other_times = "demo.count(): partial, held for 49.0 % of the call (2 ms)\n  held for 1 ms from src/demo.pyx:36 to the return\n"
    (block,) = blocks()

    assert printed_reports.compare(block, answers(other_times, "released\n")) == []


@pytest.mark.parametrize(
    "now",
    [
        "demo.count(): held for 100 % of the call (2 ms)\n",
        "demo.count(): held for 100 % of the call (2 ms)\n  overlap inconclusive (-v says why)\n",
        "demo.count(): partial, held for 50 % of the call (2 ms)\n  held for 1 ms from src/demo.pyx:37 to the return\n",
        "demo.count(): partial, held for 50 % of the call (2 ms)\n  held for 1 ms from src/demo.pyx:36 to the return\n  It sleeps for 9 %\n",
    ],
    ids=["word", "word beside an inconclusive overlap", "line", "sleep"],
)
def test_compare_when_a_fact_differs_then_it_is_told(now):
    (block,) = blocks()

    (difference,) = printed_reports.compare(block, answers(now, "released\n"))
    assert now in difference


def test_compare_when_a_verdict_is_inconclusive_then_it_is_said_and_the_others_are_compared(capsys):
    (block,) = blocks()

    (difference,) = printed_reports.compare(block, answers("demo.count(): inconclusive\n", "held\n"))
    assert "demo.wait" in difference
    assert "demo.count(): inconclusive" in capsys.readouterr().out
