"""The HTML page of any report: it renders, it escapes, it stays small, and it shows nothing undecided as a figure."""

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from built import RACE, call, entries, observation, verdict_on
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_gilcheck.evidence import Estimate, GilEvent, GilTimeline, Place, Site, SourceLine, Where
from pytest_gilcheck.gate.comparison import baseline_entries, compare, findings
from pytest_gilcheck.report.html import html
from pytest_gilcheck.report.sentences import with_text
from pytest_gilcheck.store.json_report import AgreementEntry, CheckEntry

ATTACK = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"
NONE = "\N{EN DASH}"
VOID = {"meta", "input", "path", "link", "br", "img"}


class Page(HTMLParser):
    """What a page has: its tags with their attributes, and whether each is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.tags, self._open, self.text = [], [], []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(items, **more):
    text = "".join(html(items, **more))
    text.encode()
    return Page(text), text


def checked(span, name="f", **more):
    evidence = observation(span, name=name)
    return CheckEntry(name, with_text(verdict_on(evidence), evidence), evidence, **more)


def row_of(text, number=1):
    """The visible row of a check, its cells as texts."""
    row = text.partition(f'<tbody id="check-{number}"')[2].partition("</tr>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
    return [unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in cells]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(entries, max_size=4))
def test_any_report_is_a_page(items):
    """Tags close in their turn, ids are unique, every control is of a detail that there is."""
    page, text = page_of(items)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]

    assert len(ids) == len(set(ids))
    assert {a["aria-controls"] for _, a in page.tags if "aria-controls" in a} <= set(ids)
    assert len(page.all("script")) == 2
    n_checks = sum(isinstance(entry, CheckEntry) for entry in items)
    assert sum(a.get("class") == "check" for a in page.all("tbody")) == n_checks
    recorded = json.loads(re.search(r'id="timelines">(.*?)</script>', text)[1])
    assert {a["data-check"] for a in page.all("div") if a.get("class") == "timeline"} == set(recorded)


def test_texts_of_users_are_shown_and_never_run():
    """Names, sources, inputs, failures, whatever a report has of somebody else's."""
    site = Site(Place(ATTACK, 3, ATTACK))
    where = Where(10, site, site, site, sources=(SourceLine(ATTACK, 3, f"x = {ATTACK}"),))
    evil = checked(call(50_000), ATTACK, test=f"t.py::{ATTACK}", file=ATTACK, line=3, failed=True, failure=ATTACK)
    evil = replace(evil, verdict=replace(evil.verdict, where=where, diagnosis=ATTACK))
    difference = replace(RACE.difference, inputs=ATTACK, expected=ATTACK, got=ATTACK)
    raced = AgreementEntry(replace(RACE, name=ATTACK, difference=difference), f"t.py::{ATTACK}")

    page, text = page_of([evil, raced], failures=[(ATTACK, ATTACK)], notes=[ATTACK])

    assert len(page.all("script")) == 2
    assert not page.all("img")
    assert not [a for _, a in page.tags if any(name.startswith("on") for name in a)]
    assert "".join(page.text).count("alert(1)") >= 12
    assert "{{ 7 * 7 }}" in text


def test_a_page_asks_for_nothing_and_allows_no_other_script():
    page, text = page_of([checked(call(50_000))])
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")

    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]+'", policy)
    assert not re.search(r"""(src|href)=["'](?!#)|url\(|@import|fetch\(|XMLHttpRequest|import\(""", text)


@pytest.mark.parametrize("word", ["inconclusive", "not_applicable"])
def test_an_undecided_figure_is_no_figure(word):
    """Not in a cell, not as what a column sorts by, not among the figures."""
    entry = checked(call(40_000, 60_000))
    verdict = replace(
        entry.verdict, gil=word, held_share=Estimate(0.4, 0.01, 0.9), longest_hold_ns=1234, longest_wait_ns=4321
    )
    _, text = page_of([replace(entry, verdict=verdict)])

    assert row_of(text)[:4] == [word.replace("_", " "), *[NONE] * 3]
    row = text.partition('<tbody id="check-1"')[2].partition("</tr>")[0]
    assert not re.search(r'data-v="\d', row)
    detail = text.partition('id="detail-1"')[2]
    assert "<dt>held</dt><dd>not decided</dd>" in detail
    assert "<dt>longest hold</dt><dd>not decided; in the recorded calls: 1.23 µs</dd>" in detail


def test_a_decided_row_has_its_figures_and_sorts_by_them():
    _, text = page_of([checked(call(50_000))])

    assert row_of(text)[:3] == ["held", "100 %", "50 µs"]
    assert 'data-v="1.0" class="number">100 %' in text
    assert 'data-v="50000" class="number">50 µs' in text


def test_the_source_of_a_release_stands_beside_its_place():
    site, back = Site(Place("/home/me/a.c", 7, "work")), Site(Place("/home/me/a.c", 9, "work"))
    sources = SourceLine("/home/me/a.c", 7, "Py_BEGIN_ALLOW_THREADS"), SourceLine("/home/me/a.c", 9, "Py_END")
    entry = checked(call(50_000))
    where = Where(10, site, back, root="/home/me", sources=sources)
    _, text = page_of([replace(entry, verdict=replace(entry.verdict, where=where))])

    assert "<dt>released at</dt><dd>a.c:7 (work)<pre><code>Py_BEGIN_ALLOW_THREADS</code></pre></dd>" in text
    assert "<dt>taken back at</dt><dd>a.c:9 (work)<pre><code>Py_END</code></pre></dd>" in text


def test_a_comparison_is_in_its_section_and_beside_its_check():
    before = [checked(call(0, 50_000), "worse"), checked(call(50_000), "same")]
    after = [checked(call(50_000), "worse"), checked(call(50_000), "same"), checked(call(50_000), "fresh")]
    comparison = compare(baseline_entries(before), baseline_entries(after), ("main", "this run"))

    _, text = page_of(after, comparison=comparison, findings=findings(comparison, ()))

    assert [row_of(text, number)[6] for number in (1, 2, 3)] == ["worse", "same", "new"]
    assert "this run compared with main: 2 checks in both: 1 worse, 1 same, 1 new" in text
    assert '<li class="finding worse">WORSE: worse: GIL released -&gt; held' in text


def test_a_page_without_a_comparison_has_no_column_for_it():
    assert "baseline" not in page_of([checked(call(50_000))])[1].partition("<thead>")[2].partition("</thead>")[0]


def test_a_thousand_checks_with_full_records_stay_below_five_megabytes():
    """The finer the timelines, the more room: each check has as many events as a report keeps."""
    kinds = ("release", "wait", "take")
    events = tuple(GilEvent(at * 7_919, kinds[at % 3], at % 2) for at in range(2_000))
    span = call(10_000_000, 10_000_000, timeline=GilTimeline(events))
    entry = checked(span, "package.module.function", file="tests/test_a_module.py", line=7)
    timeline = "HrmwrH" * 8
    many = (
        replace(entry, test=f"tests/test_a_module.py::test_a_function[{n}]", verdict=replace(entry.verdict, timeline=timeline))
        for n in range(1_000)
    )  # fmt: skip

    size = len("".join(html(many)).encode())

    assert 1_000_000 < size <= 5_000_000


def test_a_single_check_keeps_every_interval():
    events = tuple(GilEvent(at * 10, ("release", "take")[at % 2], 0) for at in range(1, 500))
    entry = checked(call(2_500, 2_500, timeline=GilTimeline(events)))
    _, text = page_of([replace(entry, verdict=replace(entry.verdict, timeline="m" * 48))])

    ((_, intervals),) = json.loads(re.search(r'id="timelines">(.*?)</script>', text)[1])["1"]["threads"]
    assert len(re.findall("[Hr]", intervals)) == 500
    assert "m" not in intervals


def test_no_check_is_said():
    assert "No check ran." in page_of([])[1]
