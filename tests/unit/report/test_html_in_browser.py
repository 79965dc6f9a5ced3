"""The page in a real browser: it opens, sorts, finds, unfolds and zooms, by keyboard too, and has a dark side."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from built import call, observation, verdict_on

from pytest_gilcheck.evidence import GilEvent, GilTimeline
from pytest_gilcheck.report.html import html
from pytest_gilcheck.report.sentences import with_text
from pytest_gilcheck.store.json_report import CheckEntry

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:  # the benchmarks, whose browser this is, are no installed package
    sys.path.insert(0, ROOT)

from benchmarks.pictures.chromium import Browser, chromium  # noqa: E402

if chromium() is None:
    pytest.skip("there is no Chromium on PATH (Debian's package: chromium)", allow_module_level=True)

ATTACK = "<script>window.attacked = 1</script><img src=x onerror='window.attacked = 1'>"
KINDS = ("release", "wait", "take")


def checked(name, span):
    evidence = observation(span, name=name)
    return CheckEntry(name, with_text(verdict_on(evidence), evidence), evidence)


def report():
    """Four checks: held for longer, released, undecided, and one with a record of two threads and an evil name."""
    events = tuple(GilEvent(1_000_000 * at, KINDS[(at - 1) % 3], at % 2) for at in range(1, 40))
    partial = checked(ATTACK, call(20_000_000, 20_000_000, timeline=GilTimeline(events)))
    unsure = checked("unsure", call(5_000_000, 5_000_000))
    return [
        checked("held", call(50_000_000)),
        checked("released", call(100_000, 50_000_000)),
        replace(unsure, verdict=replace(unsure.verdict, gil="inconclusive")),
        replace(partial, verdict=replace(partial.verdict, timeline="Hrw" * 16)),
    ]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text("".join(html(report())), encoding="utf-8")
    return path


@pytest.fixture
def page(path):
    with Browser(chromium()) as browser:
        browser.open(path.as_uri())
        yield browser
        assert browser.complaints == []
        assert browser.requests == [path.as_uri()]


def names(page):
    return page.run("[...document.querySelectorAll('tbody.check:not([hidden]) .open')].map(one => one.textContent)")


def focus(page, selector):
    page.run(f"document.querySelector({selector!r}).focus()")


def test_no_text_of_a_user_runs(page):
    assert page.run("window.attacked") is None
    assert ATTACK in names(page)


def test_headings_sort_in_both_directions_by_keyboard_and_the_undecided_come_last(page):
    """Of "held" the numbers count, not their texts."""
    held = "document.querySelectorAll('thead th')[2]"
    page.run(f"{held}.querySelector('button').focus()")

    page.press("Enter")
    assert names(page) == ["released", ATTACK, "held", "unsure"]
    assert page.run(f"{held}.getAttribute('aria-sort')") == "ascending"
    page.press("Enter")
    assert names(page) == ["held", ATTACK, "released", "unsure"]
    assert page.run("[...document.querySelectorAll('[aria-sort]')].map(one => one.getAttribute('aria-sort'))") == [
        "descending"
    ]


def test_find_and_words_leave_rows_out(page):
    page.run("document.getElementById('find').value = 'EL'")
    page.run("document.getElementById('find').dispatchEvent(new Event('input'))")
    assert names(page) == ["held", "released"]
    page.run("document.querySelector('.filter[value=held]').click()")
    assert names(page) == ["released"]
    assert page.run("document.getElementById('shown').textContent") == "1 of 4 shown"


def test_a_check_unfolds_and_its_timeline_zooms(page):
    """Buttons, keys and the wheel; the intervals are announced one by one."""
    focus(page, "#check-4 .open")
    page.press("Enter")
    assert page.run("document.querySelector('#check-4 .open').getAttribute('aria-expanded')") == "true"
    assert page.run("document.getElementById('detail-4').hidden") is False
    page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    n_drawn = "document.querySelectorAll('#detail-4 .lanes [data-n]').length"
    ticks = "[...document.querySelectorAll('#detail-4 .lanes text')].map(one => one.textContent)"
    whole, of_whole = page.run(n_drawn), page.run(ticks)
    assert whole > 20
    assert {"calling thread", "thread 1"} <= set(of_whole)

    focus(page, "#detail-4 .lanes")
    page.press("+", "+")
    assert page.run(n_drawn) < whole
    assert page.run(ticks) != of_whole
    page.press("0")
    assert page.run(ticks) == of_whole
    page.press("ArrowRight", "ArrowRight")
    assert page.run("document.querySelector('#detail-4 output').textContent").startswith("calling thread: ")
    assert page.run("document.querySelectorAll('#detail-4 .chosen').length") == 1
    page.run("document.querySelector('#detail-4 .zoom button').click()")
    assert page.run(n_drawn) < whole


def test_a_link_to_a_check_unfolds_it(page, path):
    page.run("location.hash = '#check-2'")
    page.run("new Promise(done => setTimeout(done, 50))")
    assert page.run("document.getElementById('detail-2').hidden") is False


def luminance(page):
    red, green, blue = page.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_page_is_dark_where_the_system_is_and_where_somebody_asks(page):
    page.prefer(prefers_color_scheme="light")
    assert luminance(page) > 200
    page.prefer(prefers_color_scheme="dark")
    assert luminance(page) < 40
    page.run("document.getElementById('theme').click()")
    assert luminance(page) > 200
    page.prefer(prefers_color_scheme="light")
    page.run("document.getElementById('theme').click()")
    assert luminance(page) < 40


#: WCAG's relative contrast of every text with the first background behind it that is not transparent.
CONTRASTS = """
(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour[3] === undefined || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    const said = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!said || !one.checkVisibility() || one.closest("svg, script, :disabled")) continue;
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push([one.className || one.tagName, contrast]);
  }
  return found;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(page, scheme):
    """At least 4.5 to 1, as the guidelines for accessible pages ask."""
    page.prefer(prefers_color_scheme=scheme)
    page.run("document.querySelectorAll('.open').forEach(one => one.click())")

    assert page.run(CONTRASTS) == []
