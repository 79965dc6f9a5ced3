"""Names of functions and checks in a form that fits a line."""

from __future__ import annotations

import re

#: Longer names of functions are cut.
LONGEST_FUNCTION = 60

#: Places between two words of a name, where it may be broken.
_BREAK = re.compile(r"(?<=[/:._\-,\[(= ])(?=[^/:._\-,\])= ])")

#: The name of a function with its modules and classes, of which some may be left out already.
_DOTTED = re.compile(r"…?\w+(\.[\w<>]+)+")

#: The symbol of a Cython function: what kind of code it is; names follow, each after its length.
_CYTHON = re.compile(r"^__pyx_(p[wf]|f)_")
_CYTHON_PART = re.compile(r"(\d+)(?=[A-Za-z_])")

#: Parts of a Python function's name in brackets, which no template is.
_PYTHON = re.compile(r"(^|\.)<(module|locals|lambda|genexpr|listcomp|dictcomp|setcomp|gilcheck statement)>")

_CLONE = re.compile(r"(\s*\[clone\b[^\]]*\]?|\.(isra|part|constprop|cold|llvm)[.\d]*|::h[0-9a-f]{16})+$")
_OPERATOR = re.compile(r"operator\s*(\(\)|\[\]|[-+*/%^&|~!=<>]+)")
#: pybind11 keeps a function in an object of this class, and `__qualname__` says so.
_PYBIND_RECORD = re.compile(r"pybind11_detail_function_record_\w+\.")
#: What a place has for a name where Python code runs whose line is not known.
_PYTHON_CODE = "Python code"
_OPENING, _CLOSING = "<({[", ">)}]"


def cut(text: str, width: int) -> str:
    """Return a text of at most `width` columns; the middle of a longer one is left out."""
    if len(text) <= width:
        return text
    n_last = max(0, (width - 1) // 2)
    return f"{text[: max(0, width - 1 - n_last)]}…{text[len(text) - n_last :]}"


def cut_name(name: str, width: int) -> str:
    """Return the name of a check in at most `width` columns.

    Of a function's name with its modules the first ones are left out, of any other name the middle.
    """
    while len(name) > width and _DOTTED.fullmatch(name):
        name = f"…{name.removeprefix('…').partition('.')[2]}"
    return cut(name, width)


def folded(name: str, width: int) -> list[str]:
    """Return a name in lines of at most `width` columns, broken between its words where they are short enough."""
    lines = [""]
    for word in _BREAK.split(name):
        if len(lines[-1]) + len(word) <= width:
            lines[-1] += word
        else:
            lines += [word[at : at + width] for at in range(0, len(word), width)]
    return [line for line in lines if line] or [""]


def short_function(name: str) -> str:
    """Return the name of a native function without its signature, its templates, and what a compiler added.

    ``double a::f<std::map<int, int> >(int) const`` is ``a::f``. An anonymous function is named after the one that defines
    it, ``f::{lambda}``, and a Cython function as its source has it.
    """
    name = _CLONE.sub("", name.strip())
    if _PYTHON.search(name) or name == _PYTHON_CODE:
        return cut(name, LONGEST_FUNCTION)
    if _CYTHON.match(name):
        return cut(_cython_name(name.partition("(")[0]), LONGEST_FUNCTION)  # in a module of C++ it has a signature
    name = _PYBIND_RECORD.sub("", name)
    at = name.find("{lambda")
    if at >= 0:
        return cut(f"{_outer(_scope_before(name, at))}::{{lambda}}".removeprefix("::"), LONGEST_FUNCTION)
    return cut(_outer(name) or name, LONGEST_FUNCTION)


def _cython_name(symbol: str) -> str:
    rest = _CYTHON.sub("", symbol)
    parts: list[str] = []
    while (length := _CYTHON_PART.match(rest)) is not None:
        start, end = length.end(), length.end() + int(length[1])
        if rest[end : end + 1] != "_":  # the last one has its number in the module before it, and no length
            return ".".join([*parts, rest[start:]])
        parts.append(rest[start:end])
        rest = rest[end + 1 :]
    return ".".join([*parts, rest])


def _scope_before(name: str, end: int) -> str:
    """Return the name that ends before `end`, from where the bracket or the word around it begins."""
    depth = 0
    for at in range(end - 1, -1, -1):
        if name[at] in _CLOSING:
            depth += 1
        elif name[at] in _OPENING:
            depth -= 1
        if depth < 0 or (depth == 0 and name[at] in ", "):
            return name[at + 1 : end].removesuffix("::")
    return name[:end].removesuffix("::")


def _outer(name: str) -> str:
    """Return what of a name stands outside of brackets, without the type that it returns."""
    if name.startswith("<") and " as " in name:  # Rust: <Type as Trait>::method
        inner, _, method = name[1:].partition(">::")
        return f"{_outer(inner.partition(' as ')[0])}::{_outer(method)}"
    operators: list[str] = []

    def kept(match: re.Match[str]) -> str:
        operators.append(match[0])
        return "\0"

    text, depth = [], 0
    for sign in _OPERATOR.sub(kept, name.replace("(anonymous namespace)", "{anonymous}")):
        if sign in "<(":
            depth += 1
        elif sign in ">)" and depth:
            depth -= 1
        elif not depth:
            text.append(sign)
    outer = re.sub(r"\s+(const|noexcept|&|&&)$", "", "".join(text).strip()).rpartition(" ")[2]
    n_before = "".join(text).count("\0") - outer.count("\0")
    for operator in operators[n_before:]:
        outer = outer.replace("\0", operator, 1)
    return re.sub(r"(::)+", "::", outer).strip(":")
