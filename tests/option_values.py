"""What may be said of every option, right and wrong, as each source writes it, and what it means."""

import json
import math
import re
from dataclasses import dataclass

from hypothesis import strategies as st

from pytest_gilcheck.declare.options import OPTIONS
from pytest_gilcheck.evidence import FIGURES, WORDS, Tolerance
from pytest_gilcheck.pytest_plugin import options

TABLE = {option.name: option for option in OPTIONS}
REFUSED = "refused"


@dataclass(frozen=True)
class Written:
    """A value as a text, as TOML and Python have it natively, and what it means."""

    text: str
    native: object
    means: object


def _same(values):
    """Texts that mean themselves."""
    return values.map(lambda value: Written(value, value, value))


def _numbers(values, mean=lambda value: value):
    return values.map(lambda value: Written(repr(value), value, mean(value)))


def _wrong(*values):
    return st.sampled_from([Written(str(value), value, REFUSED) for value in values])


LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDLIKE = st.builds(str.__add__, st.sampled_from(LETTERS), st.text(f"{LETTERS}09_./*:[]-", max_size=12))
HUGE = 10**400

#: By reader: what is right, and what is not.
RIGHT = {
    "flag": st.sampled_from(
        [Written(word, True, True) for word in ("yes", "ON", "True", "1")]
        + [Written(word, False, False) for word in ("no", "Off", "false", "0")]
        + [Written("1", 1, True), Written("0", 0, False), Written("yes", "yes", True)]
    ),
    "factor": _numbers(st.floats(1e-6, 1e9) | st.integers(1, 10**9)),
    "share": _numbers(st.floats(0, 1) | st.sampled_from([0, 1]))
    | st.integers(0, 100).map(lambda n: Written(f"{n}%", f"{n} %", n / 100)),
    "positive_duration_ns": _numbers(st.floats(1e-8, 1e7) | st.integers(1, 10**7), lambda n: round(n * 1e9))
    | st.builds(
        lambda n, unit: Written(f"{n}{unit[0]}", f"{n} {unit[0]}", n * unit[1]),
        st.integers(1, 1000),
        st.sampled_from([("ns", 1), ("us", 10**3), ("µs", 10**3), ("ms", 10**6), ("s", 10**9), ("min", 60 * 10**9)]),
    ),
    "count": _numbers(st.integers(1, 1024)) | st.just(Written("4.0", 4.0, 4)),
    "text": _same(WORDLIKE),
    "baseline_name": _same(WORDLIKE.map(lambda word: "N" + re.sub(r"\W", "-", word))),
    "tolerance": st.sampled_from([Written(word, word, Tolerance(word)) for word in WORDS])
    | st.builds(
        lambda figure, n, percent: Written(
            *[f"{figure}:{n}{'%' * percent}"] * 2, Tolerance(figure, n / 100 if percent else n, is_relative=percent)
        ),
        st.sampled_from(list(FIGURES)),
        st.floats(0, 100) | st.integers(0, 100),
        st.booleans(),
    ),
}
WRONG = {
    "flag": _wrong("perhaps", "2", 2, -1, 1.5, "yes no"),
    "factor": _wrong(0, -1.5, "fast", True, math.nan, math.inf, HUGE, "1,5"),
    "share": _wrong(1.01, -0.1, 90, "101%", "%", "most", False, math.nan, HUGE),
    "positive_duration_ns": _wrong(0, -1, "0ms", "soon", "1h", "1 2", True, math.nan, math.inf, 1e12, HUGE, "10msec"),
    "count": _wrong(0, -3, 1025, 2.5, "two", True, math.nan, math.inf, HUGE),
    "baseline_name": _wrong("7", "last", "a/b", "-x", "7a"),
    "tolerance": _wrong("held", "gil:1", "speedup:-1", "speedup:x%", "speedup:10%%", "7"),
}


def written(option):
    """What may be said of this option: nothing, something right, something wrong; for a repeatable one several."""
    if option.choices:
        one = _same(st.sampled_from(option.choices)) | _wrong("shrug", option.choices[0].upper(), "7")
    elif option.reader in WRONG:
        one = RIGHT[option.reader] | WRONG[option.reader]
    else:
        one = RIGHT[option.reader]
    return st.none() | (st.lists(one, min_size=1, max_size=3) if option.is_repeatable else one)


EXAMPLES = st.fixed_dictionaries({option.name: written(option) for option in OPTIONS})
RIGHT_ONLY = st.fixed_dictionaries(
    {
        option.name: st.none()
        | (
            _same(st.sampled_from(option.choices))
            if option.choices
            else st.lists(RIGHT[option.reader], min_size=1, max_size=3)
            if option.is_repeatable
            else RIGHT[option.reader]
        )
        for option in OPTIONS
    }
)


def several(example):
    return example if isinstance(example, list) else [example]


def meaning(option, example):
    """What the example says, worked out without the plugin; `REFUSED`, or the option's default."""
    if example is None:
        return option.default
    means = [one.means for one in several(example)]
    if REFUSED in means:
        return REFUSED
    return tuple(means) if option.is_repeatable else means[0]


def flags(example):
    """As command-line arguments. A switch can only be switched on there."""
    for name, value in example.items():
        option = TABLE[name]
        if value is None:
            continue
        if option.is_flag:
            yield from [option.flag] if value.means is True else []
        else:
            yield from (f"{option.flag}={one.text}" for one in several(value))


def ini(example):
    for name, value in example.items():
        if value is not None:
            lines = [one.text for one in several(value)]
            yield (
                f"{TABLE[name].key} = {lines[0]}" if len(lines) == 1 else "\n  ".join([f"{TABLE[name].key} =", *lines])
            )


def toml_value(value):
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, (bool, str)):
        return json.dumps(value)
    return repr(value)


def toml(example, kind):
    for name, value in example.items():
        if value is not None:
            values = [getattr(one, kind) for one in several(value)]
            yield f"{TABLE[name].key} = {toml_value(values if TABLE[name].is_repeatable else values[0])}"


#: Where files say it: file, table, how values are written, how they are shown in an error.
FILES = {
    "pytest.ini": ("pytest.ini", "[pytest]", ini, lambda one: one.text),
    "tox.ini": ("tox.ini", "[pytest]", ini, lambda one: one.text),
    "setup.cfg": ("setup.cfg", "[tool:pytest]", ini, lambda one: one.text),
    "ini_options, texts": (
        "pyproject.toml",
        "[tool.pytest.ini_options]",
        lambda example: toml(example, "text"),
        lambda one: one.text,
    ),
    # pytest makes texts of them.
    "ini_options, native": (
        "pyproject.toml",
        "[tool.pytest.ini_options]",
        lambda example: toml(example, "native"),
        lambda one: str(one.native),
    ),
    "tool.pytest, texts": (
        "pyproject.toml",
        "[tool.pytest]",
        lambda example: toml(example, "text"),
        lambda one: one.text,
    ),
    "tool.pytest, native": (
        "pyproject.toml",
        "[tool.pytest]",
        lambda example: toml(example, "native"),
        lambda one: one.native,
    ),
    "pytest.toml": ("pytest.toml", "[pytest]", lambda example: toml(example, "native"), lambda one: one.native),
}

#: `tool.pytest` and pytest.toml, whose values are typed, came with pytest 9.0, and take our numbers since 9.2.
HAS_TYPED_TABLES = options.PYTEST_VERSION >= (9, 2)
if not HAS_TYPED_TABLES:
    FILES = {name: file for name, file in FILES.items() if not name.startswith(("tool.pytest", "pytest.toml"))}


def overridden(example):
    """As ``-o key=value``."""
    for name, value in example.items():
        if value is not None:
            yield f"-o{TABLE[name].key}=" + "\n".join(one.text for one in several(value))
