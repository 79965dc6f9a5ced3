"""Each code block that a user reads does what its page says.

A page is read from top to bottom, in a folder of its own: what an earlier block saves, a later one compares with. A busy
machine may leave a verdict open. It fails no page.
"""

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sybil")
import page_blocks
import printed_reports
from printed_reports import PAGES, ROOT

SANDBOX = Path(__file__).parent / "sandbox"
#: Those that a page may run. What else a block shows (an installation, a build) says why it is not run.
PROGRAMS = {"gilcheck", "pytest", "python", "git", "jq", "cat", "ls"}
#: Of `gilcheck`: inconclusive.
UNDECIDED = 3
#: For a command that hangs. No machine is so busy.
TIMEOUT_S = 900
#: A script, a test or a comparison that ends without a verdict. Overlap alone may always be inconclusive.
OPEN = re.compile(r"^pytest_gilcheck\.Inconclusive|^SKIPPED.*inconclusive|INCONCLUSIVE", re.MULTILINE)
#: Plugins that do something by merely being installed.
NEIGHBOURS = ("asyncio", "benchmark", "memray", "rerunfailures", "run-parallel")
SOURCES = ("*.c", "*.cpp", "*.hpp", "*.rs", "*.pyx", "*.py", "*.txt", "*.toml")
#: Pages with blocks that nobody runs, and how many. A new one needs its reason on the page, and its count here.
NOT_RUN = {
    "README.md": 1,
    "docs/first-steps/c.md": 1,
    "docs/first-steps/ctypes.md": 1,
    "docs/first-steps/cython.md": 1,
    "docs/first-steps/nanobind.md": 1,
    "docs/first-steps/numba.md": 1,
    "docs/first-steps/pybind11.md": 1,
    "docs/first-steps/pyo3.md": 1,
    "docs/gallery/census.md": 2,
    "docs/gallery/index.md": 2,
    "docs/howto/free-threaded.md": 1,
    "docs/installation.md": 1,
    "docs/reference/command.md": 1,
    "docs/tutorial.md": 1,
}


def name_of(page):
    return page.relative_to(ROOT).as_posix()


class Page:
    """A page that is being read: its folder, and what its Python blocks have defined."""

    def __init__(self, path, folder):
        self.path, self.folder, self.names = path, folder, {}
        shutil.copytree(SANDBOX, folder, dirs_exist_ok=True)
        (folder / "page_setup.py").write_text(page_blocks.setup_of(path), encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "GITHUB_", "CI"))}
        # In an installed environment pages find the project's benchmarks only here.
        (folder / "benchmarks").symlink_to(ROOT / "benchmarks")
        self.environment = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
            "PYTEST_ADDOPTS": " ".join(f"-p no:{name}" for name in ("cacheprovider", *NEIGHBOURS)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "HOME": str(folder),
            "GIT_AUTHOR_NAME": "a reader",
            "GIT_AUTHOR_EMAIL": "reader@example.org",
            "GIT_COMMITTER_NAME": "a reader",
            "GIT_COMMITTER_EMAIL": "reader@example.org",
        }

    def run(self, command, *, folder=None):
        """Run a command in the page's folder, and return its exit status and what it prints."""
        done = subprocess.run(
            command,
            shell=isinstance(command, str),
            cwd=folder or self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return done.returncode, done.stdout

    def python(self, block):
        """Run a block: as a session of the interpreter, as a file of tests, or as a script."""
        if ">>> " in block.source:
            return self._session(block)
        tests = re.search(r"^\s*(?:async )?def test_|^class Test", block.source, re.MULTILINE)
        file = self.folder / f"{'test_' if tests else ''}line_{block.line}.py"
        # Line numbers are those of the page.
        file.write_text(
            "from names import *; from page_setup import *" + "\n" * block.line + block.source, encoding="utf-8"
        )
        command = [sys.executable, "-m", "pytest", "--gilcheck", "-q", "-rA"] if tests else [sys.executable]
        status, printed = self.run([*command, str(file)])
        return [] if status == 0 or OPEN.search(printed) else [printed]

    def _session(self, block):
        parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        told = []
        runner.run(
            parser.get_doctest(block.source, self.names, self.path.name, str(self.path), block.line),
            out=told.append,
            clear_globs=False,
        )
        return told

    def console(self, block):
        """Run the commands of a block, and compare what they print with what it shows."""
        if before := block.comment("before"):
            self.run(before)
        runs = list(printed_reports.RUN.finditer(block.source))
        told = [] if runs else ["no command: a line of one begins with `$ `"]
        for number, run in enumerate(runs, 1):
            command, shown = run["command"], run["output"]
            program = command.split()[0]
            if program not in PROGRAMS:
                told.append(f"{program} is none of {sorted(PROGRAMS)}: say why it is `not run`")
                continue
            if not shutil.which(program, path=self.environment["PATH"]):
                continue
            status, printed = self.run(command)
            wanted = int(block.comment("exit status") or 0) if number == len(runs) else 0
            if status != wanted and not (program == "gilcheck" and status == UNDECIDED) and not is_open(printed):
                told.append(f"$ {command}\nreturned {status}, expected {wanted}:\n{printed}")
            elif difference(shown, printed):
                told.append(f"$ {command}\nthe page says\n{shown}\nand it prints\n{printed}")
        return told

    def toml(self, block):
        """Parse a block. If it has settings of pytest, run pytest with them; it knows each of them."""
        tomllib = pytest.importorskip("tomllib")
        try:
            tables = tomllib.loads(block.source)
        except ValueError as error:
            return [str(error)]
        if "pytest" in tables:
            return self._settings(block, "pytest.toml")
        return self._settings(block, "pyproject.toml") if "pytest" in tables.get("tool", {}) else []

    def ini(self, block):
        """Run pytest with these settings."""
        return self._settings(block, "pytest.ini")

    def _settings(self, block, name):
        # Hidden: the page's own runs do not collect the copy of their tests.
        folder = self.folder / f".line_{block.line}"
        shutil.copytree(SANDBOX, folder, ignore=shutil.ignore_patterns("pytest.ini"))
        (folder / "tests").mkdir()
        (folder / name).write_text(block.source, encoding="utf-8")
        status, printed = self.run(
            [sys.executable, "-m", "pytest", "--co", "-q", "--strict-config", "."], folder=folder
        )
        return [] if status == 0 else [printed]

    def yaml(self, block):
        """Parse a block."""
        yaml = pytest.importorskip("yaml")
        try:
            return [] if yaml.safe_load(block.source) else ["it is empty"]
        except yaml.YAMLError as error:
            return [str(error)]

    def json(self, block):
        """Parse a block: one value, or one for each line."""
        try:
            for line in block.source.splitlines() if block.source.startswith('{"') else [block.source]:
                json.loads(line)
        except ValueError as error:
            return [str(error)]
        return []

    def quoted(self, block):
        """Look for the lines in the projects of the gallery, whose tests run them."""
        wanted = "\n".join(filter(None, map(str.strip, block.source.splitlines())))
        files = (file for pattern in SOURCES for file in (ROOT / "docs" / "gallery").glob(f"*/**/{pattern}"))
        found = any(
            wanted in "\n".join(filter(None, map(str.strip, file.read_text(encoding="utf-8").splitlines())))
            for file in files
        )
        return [] if found else ["these lines are in no project of the gallery"]

    c = rust = cython = cmake = quoted

    def read(self, block):
        """Return what is wrong with a block."""
        if (reason := block.comment("not run")) is not None:
            return [] if len(reason.split()) > 2 else ["`not run` needs a reason"]
        if block.comment("report") is not None:
            # The gallery's session runs it, in an environment that has the project.
            return []
        run = getattr(self, {"c++": "quoted"}.get(block.language, block.language or "-"), None)
        return run(block) if run else [f"no test knows the language {block.language!r}: say why it is `not run`"]


def is_open(printed):
    """Return whether a busy machine left open what a page shows."""
    return bool(printed_reports.INCONCLUSIVE.search(printed) or OPEN.search(printed))


def plain(line):
    """Return a line without what differs from run to run: numbers, times and the width of columns."""
    line = re.sub(r"(?:[<>]\s*)?\d[\d.,]*(?:\s?(?:ns|µs|ms|s))?\b", "#", line)
    return " ".join(line.replace("=", " ").split())


def difference(shown, printed):
    """Return whether what is printed contradicts what a page shows.

    A line `...` stands for any lines, and `...` within a line for any text.
    """
    if is_open(printed):
        return False
    if printed_reports.FACTS.search(shown):
        return printed_reports.is_contradicted(shown, printed)
    lines = iter([plain(line) for line in printed.splitlines()])
    return not all(
        any(re.fullmatch(".*".join(map(re.escape, line.split("..."))), now) for now in lines)
        for line in map(plain, shown.splitlines())
        if line not in ("", "...")
    )


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("held share 3 %, 1.2 ms\n", "held   share 10 %,  310 µs\n", False),
        ("first\n...\nlast 1\n", "first\nanother\nlast 2\n", False),
        ("WORSE: search: held share ...\n", "said before\nWORSE: search: held share 0.1 % -> 100 %\n", False),
        ("run 'a' ... 'b'\n", "run 'a' and so on 'b'\n", False),
        ("last\nfirst\n", "first\nlast\n", True),
        ("saved as main\n", "not saved\n", True),
        ("f(): held for 3 % of the call\n", "f(): released for 3 % of the call\n", True),
        ("f(): held for 3 % of the call\n", "f(): inconclusive\n", False),
        ("1 passed\n", "pytest_gilcheck.Inconclusive: f: too short\n", False),
    ],
)
def test_difference_when_only_numbers_and_other_lines_differ_then_there_is_none(shown, printed, expected):
    assert difference(shown, printed) is expected


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_page_when_its_blocks_are_run_then_each_does_what_it_says(path, tmp_path):
    page = Page(path, tmp_path)

    wrong = [
        f"{name_of(path)}:{block.line}: {what}" for block in page_blocks.blocks_of(path) for what in page.read(block)
    ]

    assert not wrong, "\n".join(wrong)


def test_blocks_that_nobody_runs_are_counted():
    """So that a new one is a decision, and not an oversight."""
    counts = {
        name_of(page): sum(block.comment("not run") is not None for block in page_blocks.blocks_of(page))
        for page in PAGES
    }

    assert {name: n for name, n in counts.items() if n} == NOT_RUN


BROKEN = """
Text.

{fence}{language}
{source}
{fence}
"""


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "def test_it(gilcheck):\n    assert gilcheck(mylib.search, bytes(10**6), b'').held"),
        ("python", "def test_it(gilcheck):\n    assert gilcheck.no_such_option"),
        ("python", "import no_such_module"),
        ("python", ">>> 1 + 1\n3"),
        ("console", "$ gilcheck --no-such-option 'pass'"),
        (
            "console",
            "$ gilcheck -q --no-overlap -s 'from pytest_gilcheck.specimens import *' 'holds(5_000_000)'\nreleased",
        ),
        ("console", "$ pytest --gilcheck-no-such-option"),
        ("console", "$ make demo"),
        ("console", "gilcheck pass"),
        ("toml", "[tool.pytest.ini_options]\ngilcheck_no_such_key = 1"),
        ("toml", "[tool"),
        ("toml", "[pytest]\ngilcheck_no_such_key = 1"),
        ("ini", "[pytest]\ngilcheck_threads = many"),
        ("yaml", "a: [b"),
        ("json", "{"),
        ("rust", "fn not_in_the_gallery() {}"),
        ("text", "anything"),
    ],
)
def test_page_when_a_block_is_broken_then_it_is_told(language, source, tmp_path):
    """The proof that the test above can fail, for each kind of block."""
    path = tmp_path / "page.md"
    setup = "<!-- setup\nimport mylib\n-->\n"
    path.write_text(setup + BROKEN.format(fence="```", language=language, source=source), encoding="utf-8")
    (block,) = page_blocks.blocks_of(path)

    assert Page(path, tmp_path / "folder").read(block)
