"""Every task of the project. `make test` is `nox`, and `make demo` is `nox -s demo`. There is no other list of tasks.

The first session that needs the wheel builds it, once for each state of its sources. The others use it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
# What fails fastest comes first; pytest's own count comes last, where a reader of the log looks for it.
nox.options.sessions = ["lint", "imports", "rust", "typing", "docs", "gallery", "smoke", "live", "tests"]

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
# Where neither PATH nor pyenv has them, Debian unstable does, in a folder that this script makes.
IN_DEBIAN = ("3.14", "3.15")
DEBIAN_PYTHONS = ROOT / "ci" / "debian-pythons.sh"
# From PATH, else compiled by this script, where the mirror has the source.
FREE_THREADED = ("3.13t", "3.14t", "3.15t")
FREE_THREADED_PYTHON = ROOT / "ci" / "free-threaded-python.sh"
# PyO3 has dropped this one, which is still the one that can be had everywhere: it is tested with the last release of PyO3
# that has it, by a lock file of its own. Nothing is published for it.
DROPPED = "3.13t"
FREE_THREADED_LOCK = ROOT / "ci" / "free-threaded.lock"
FREE_THREADED_PYO3 = "0.28"
# From this one on a wheel serves builds with and without a GIL.
FIRST_ABI3T = "3.15"
# The pinned packages of the corpus have wheels for this one.
CORPUS_PYTHON = (3, 11)
GALLERY = ROOT / "docs" / "gallery"
CENSUS = ROOT / "benchmarks" / "census"
# Its pinned packages have wheels for this one, and some of the newest releases for nothing older.
CENSUS_PYTHON = "3.13"
# Each example project, and what it takes to build it.
GALLERY_PROJECTS = {
    "first_check": "cc",
    "word_count": "cargo",
    "c_extension": "cc",
    "cython_nogil": "cc",
    "ctypes_cffi": "cc",
    "numba_numpy": None,
    "asyncio_stall": None,
    "multiprocessing_pool": "cc",
    "pyo3_double_list": "cargo",
    "pybind11_nanobind": "c++",
    "mpi_ring": None,
    "subinterpreters": None,
    "release_gate": None,
}
# Its checks run in a pytest that its test starts: a session without a check fails with the plugin on.
WITHOUT_CHECKS = ("release_gate",)
COMPILERS = {
    "cc": "a C compiler: `apt install gcc`, or the package of your system",
    "c++": "a C++ compiler: `apt install g++`, or the package of your system",
    "cargo": "Rust: https://rustup.rs",
}
# Modules of the public API.
PUBLIC = (
    "__init__",
    "agree/strategies",
    "checker/checker",
    "checker/public",
    "evidence/agreement",
    "evidence/errors",
    "evidence/estimate",
    "evidence/verdict",
    "pytest_plugin/fixtures",
    "pytest_plugin/hookspecs",
    "reference/__init__",
    "specimens",
)
#: Ours, and the one that the documentation gives to users.
WORKFLOWS = (".github/workflows", "docs/howto/workflows/github.yml")
WHEEL_SOURCES = (
    "pyproject.toml",
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE*",
    "rust/**/*",
    "pytest_gilcheck/**/*",
)
MAKES_NO_WHEEL = {".so", ".pyc"}


def group(*names: str) -> tuple[str, ...]:
    """Return the requirements of these dependency groups of pyproject.toml."""
    return nox.project.dependency_groups(PYPROJECT, *names)


def fingerprint() -> str:
    """Return a digest of the contents of everything that goes into the wheel. Times do not count: a checkout changes them."""
    digest = hashlib.sha256()
    paths = {path for pattern in WHEEL_SOURCES for path in ROOT.glob(pattern) if path.is_file()}
    for path in sorted(paths):
        if path.suffix not in MAKES_NO_WHEEL:
            digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def locked() -> list[str]:
    """Return the option by which cargo keeps to the committed versions."""
    return ["--locked"] if (ROOT / "Cargo.lock").exists() else []


def wheel(session: nox.Session) -> Path:
    """Return the path of the wheel of the present sources. Build it if no session has built it yet."""
    shelf = ROOT / ".nox" / "wheels"
    home = shelf / fingerprint()
    if not list(home.glob("*.whl")):
        # Old wheels are of no use once their sources have changed, and each is tens of megabytes.
        shutil.rmtree(shelf, ignore_errors=True)
        session.install(*PYPROJECT["build-system"]["requires"])
        # nox's own interpreter, not the session's: PyO3 is compiled again whenever that path changes. With a newer one the
        # wheel would be for that one and later.
        is_new = sys.version_info >= tuple(int(part) for part in FIRST_ABI3T.split("."))
        interpreter = f"python{SUPPORTED[0]}" if is_new else sys.executable
        session.run("maturin", "build", "--release", *locked(), "--interpreter", interpreter, "--out", str(home))
    (built,) = home.glob("*.whl")
    return built


def wheel_for(session: nox.Session, interpreter: str) -> Path:
    """Return the path of the wheel for this interpreter, a path or a name. One that is only named need not be there."""
    shelf = ROOT / ".nox" / "wheels-for" / Path(interpreter).name
    home = shelf / fingerprint()
    if not list(home.glob("*.whl")):
        shutil.rmtree(shelf, ignore_errors=True)
        session.install(*PYPROJECT["build-system"]["requires"])
        session.run("maturin", "build", "--release", *locked(), "--interpreter", interpreter, "--out", str(home))
    (built,) = home.glob("*.whl")
    return built


def install(session: nox.Session, *requirements: str) -> None:
    """Install the wheel with these requirements.

    The wheel is installed anew each time: its version number stays while its sources change.
    """
    built = wheel(session)
    session.install(str(built), *requirements)
    session.install("--force-reinstall", "--no-deps", str(built))


def interpreters() -> dict[str, str]:
    """Return the paths of the supported CPythons on this machine, by version; from PATH, else from pyenv.

    pyenv's shims are not used: they also exist for versions that they then refuse to run.
    """
    paths = {}
    pyenv = shutil.which("pyenv")
    root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=True).stdout.strip() if pyenv else ""
    for version in SUPPORTED:
        name = f"python{version}"
        on_path = shutil.which(name)
        if on_path and Path(on_path).parent.name != "shims":
            paths[version] = on_path
        elif root:
            homes = [
                home
                for home in Path(root, "versions").glob(f"{version}.*")
                if re.fullmatch(r"[\d.]+", home.name) and (home / "bin" / name).exists()
            ]
            if homes:
                newest = max(homes, key=lambda home: [int(part) for part in home.name.split(".")])
                paths[version] = str(newest / "bin" / name)
    return paths


def start_of(session: nox.Session, version: str) -> list[str]:
    """Return the command that starts this CPython. Skip the session, and say why, if there is none on this machine."""
    if version in (found := interpreters()):
        return [found[version]]
    reason = "it is neither on PATH nor in pyenv"
    if version in IN_DEBIAN:
        folder = subprocess.run([DEBIAN_PYTHONS, "where"], capture_output=True, text=True, check=False)
        if folder.returncode == 0:
            return [str(DEBIAN_PYTHONS), "run", f"python{version}"]
        reason += f"; {folder.stderr.strip()}"
    return session.skip(f"CPython {version}: NOT RUN: {reason}")


def environment(
    session: nox.Session, version: str, name: str, *requirements: str, another: Path | None = None
) -> list[str]:
    """Return the command that starts this CPython in an environment with the wheel, or another one, and these requirements.

    It is nox's own kind of environment in all but its maker: nox cannot start an interpreter that lies in another root.
    """
    start = start_of(session, version)
    home = ROOT / ".nox" / "pythons" / f"{version}-{name}"
    python = [*start[:-1], str(home / "bin" / "python")]
    # Not compiled: most of it is never imported.
    install = [*python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    # One wheel for all: `build` has made it, and the name of its folder changes with its sources.
    built = str(another or wheel(session))
    stamp, others = home / "made-of.txt", [*start, *requirements]
    made_of = stamp.read_text(encoding="utf-8").splitlines() if stamp.exists() else []
    if made_of == [built, *others]:
        return python
    if requirements and made_of[1:] == others:
        session.run(*install, "--force-reinstall", "--no-deps", built, external=True)
    else:
        # Empty, as a user's first one is.
        session.run(*start, "-m", "venv", "--clear", str(home), external=True)
        session.run(*install, built, external=True)
        options = ["--prefer-binary", *(word for word in requirements if word.startswith("--"))]
        packages = [word for word in requirements if not word.startswith("--")]
        if packages and subprocess.run([*install, *options, *packages], check=False).returncode:
            session.warn("one by one: what has no wheel for this version is left out, and its tests are skipped")
            for package in packages:
                session.run(*install, *options, package, success_codes=[0, 1], external=True)
    stamp.write_text("\n".join([built, *others]), encoding="utf-8")
    return python


def run_pytest(session: nox.Session, command: list[str], *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run pytest, which this command starts, with the project's settings and these arguments."""
    # From a folder of its own: in the root every interpreter that a test starts would import the source tree, which
    # has no native module. Outside of the tree: projects that tests make below it would find our settings.
    with tempfile.TemporaryDirectory(prefix="gilcheck-tests-") as elsewhere:
        session.chdir(elsewhere)
        settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
        session.run(*command, *settings, *arguments, env=env, external=True)
        session.chdir(ROOT)


def run_tests(session: nox.Session, *folders: str) -> None:
    """Run these folders of the suite against the installed wheel, or what the command line names after ``--``."""
    install(session, *group("test"))
    # The `pytest` command, not `python -m pytest`: the latter puts the source tree, which has no native module, first.
    chosen = session.posargs or [str(ROOT / folder) for folder in existing(session, *folders)]
    run_pytest(session, ["pytest"], *chosen)


def existing(session: nox.Session, *folders: str) -> list[str]:
    """Return those of these folders that exist."""
    there = [folder for folder in folders if (ROOT / folder).is_dir()]
    if not there:
        session.error(f"none of {', '.join(folders)} exists: nothing would be tested")
    return there


DETERMINISTIC = ("tests/unit", "tests/plugin", "tests/golden", "tests/captures")


@nox.session
def demo(session: nox.Session) -> None:
    """Build and install the plugin and a small C extension, and check the latter with `pytest --gilcheck`."""
    install(session)
    install_project(session, "first_check")
    session.chdir(GALLERY / "first_check")
    session.run("pytest", "--gilcheck", *session.posargs)


@nox.session
def gallery(session: nox.Session) -> None:
    """Build, install and test the example projects, and compare their verdicts with those that the pages print.

    `-- NAME...` for some of them.
    """
    install(session)
    paths = {path.name for path in GALLERY.iterdir() if (path / "pyproject.toml").exists()}
    if paths != set(GALLERY_PROJECTS):
        session.error(f"projects in docs/gallery: {sorted(paths)}, in the noxfile: {sorted(GALLERY_PROJECTS)}")
    chosen = session.posargs or list(GALLERY_PROJECTS)
    missing = {name: what for name in chosen if (what := missing_for(session, name))}
    ready = [name for name in chosen if name not in missing]
    here = [name for name in ready if is_for(name, sys.version_info[:2])]
    for name in here:
        if "build-system" in nox.project.load_toml(GALLERY / name / "pyproject.toml"):
            install_project(session, name)
        test_project(session, name, "pytest")
    if here:
        session.run("python", "docs/_ext/printed_reports.py", "--check", *here)
    for name in ready:
        if name not in here:
            elsewhere(session, name)
    for name, what in missing.items():
        session.warn(f"{name}: NOT RUN: install {what}")


def test_project(session: nox.Session, name: str, *command: str) -> None:
    """Run the tests of an example project in its folder."""
    session.chdir(GALLERY / name)
    options = () if name in WITHOUT_CHECKS else ("--gilcheck",)
    session.run(*command, *options, env={"PYTHONDONTWRITEBYTECODE": "1"}, external=len(command) > 1)
    session.chdir(ROOT)


def is_for(name: str, version: tuple[int, ...]) -> bool:
    """Return whether an example project can be used with this version of Python."""
    return [int(part) for part in oldest_python(name).split(".")] <= list(version)


def oldest_python(name: str) -> str:
    """Return the oldest version of Python with which an example project can be used."""
    return nox.project.load_toml(GALLERY / name / "pyproject.toml")["project"]["requires-python"].removeprefix(">=")


def python_for(name: str) -> str | None:
    """Return the oldest version on this machine with which an example project can be used, or None."""
    in_debian = subprocess.run([DEBIAN_PYTHONS, "where"], capture_output=True, check=False).returncode == 0
    here = {*interpreters(), *(IN_DEBIAN if in_debian else ())}
    usable = SUPPORTED[SUPPORTED.index(oldest_python(name)) :]
    return next((version for version in usable if version in here), None)


def elsewhere(session: nox.Session, name: str) -> None:
    """Install and test an example project, and compare its page, with an interpreter that is newer than nox's own."""
    version, project = python_for(name), nox.project.load_toml(GALLERY / name / "pyproject.toml")
    python = environment(session, str(version), f"gallery-{name}", *project["project"].get("dependencies", []))
    if "build-system" in project:
        pip = [*python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        session.run(*pip, "--force-reinstall", "--no-deps", str(GALLERY / name), external=True)
    test_project(session, name, *python, "-m", "pytest")
    session.run(*python, "docs/_ext/printed_reports.py", "--check", name, external=True)


def missing_for(session: nox.Session, name: str) -> str | None:
    """Install the packages that an example project uses. Return what is missing on this machine, or None."""
    if not is_for(name, sys.version_info[:2]):
        return None if python_for(name) else f"CPython {oldest_python(name)} or later"
    compiler = GALLERY_PROJECTS[name]
    if compiler and not shutil.which(compiler):
        return COMPILERS[compiler]
    packages = nox.project.load_toml(GALLERY / name / "pyproject.toml")["project"].get("dependencies", [])
    # Nothing is built here: what has no wheel for this machine may take an hour.
    command = [str(Path(session.bin) / "python"), "-m", "pip", "install", "-q", "--only-binary=:all:", *packages]
    if packages and subprocess.run(command, check=False).returncode:
        return " ".join(packages)
    return None


def install_project(session: nox.Session, name: str) -> None:
    """Install an example project. Its Rust is compiled beside ours, so that what both depend on is compiled once."""
    # The line tables are those of our own profile: with another setting nothing would be shared.
    env = {"CARGO_PROFILE_RELEASE_DEBUG": "line-tables-only", "PYO3_PYTHON": sys.executable}
    env["CARGO_TARGET_DIR"] = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    session.install("--force-reinstall", "--no-deps", str(GALLERY / name), env=env)


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests that do not depend on the load of the machine: unit, plugin, golden, captures."""
    run_tests(session, *DETERMINISTIC)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel of the present sources, which every interpreter then uses."""
    session.log(str(wheel(session)))


#: A statement and its verdict, for an environment that has nothing but what a release would install.
FIRST_VERDICTS = {
    "released": ["-s", "import zlib; data = bytes(10**7)", "zlib.compress(data)"],
    "held": ["-s", "import json; text = json.dumps([0] * 10**6)", "json.loads(text)"],
}


@nox.session(default=False)
def release_check(session: nox.Session) -> None:
    """Do all of a release but the upload: build wheel and source archive, install each into an empty environment, ask."""
    session.install(*group("release"))
    built = wheel(session)
    dist = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    shutil.copy(built, dist)
    session.run("maturin", "sdist", "--out", str(dist))
    session.run("twine", "check", "--strict", *map(str, dist.iterdir()))
    (archive,) = dist.glob("*.tar.gz")
    version = nox.project.load_toml(ROOT / "Cargo.toml")["workspace"]["package"]["version"]
    if version not in archive.name or version not in built.name:
        session.error(f"Cargo.toml says {version}, and what was built is {archive.name} and {built.name}")
    # What both depend on has been compiled for the wheel.
    env = {"CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target")), "PYO3_PYTHON": sys.executable}
    test = dist.parent / "test_release.py"
    test.write_text(
        "import zlib\n\ndef test_it(gilcheck):\n    assert gilcheck(zlib.compress, bytes(10**7)).released\n"
    )
    for what in (built, archive):
        home = dist.parent / f"env-{what.suffix[1:]}"
        session.run(sys.executable, "-m", "venv", "--clear", str(home), external=True)
        install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        session.run(*install, str(what), external=True, env=env)
        # From elsewhere: in the root the source tree, which has no native module, would be imported.
        session.chdir(dist)
        for word, arguments in FIRST_VERDICTS.items():
            session.run(
                str(home / "bin" / "gilcheck"),
                "--no-overlap",
                "--expect",
                word,
                *arguments,
                external=True,
                success_codes=[0, 3],
            )
        session.run(
            str(home / "bin" / "pytest"), "--gilcheck", "--gilcheck-inconclusive=skip", "-q", str(test), external=True
        )
        session.chdir(ROOT)


each_interpreter = nox.parametrize("version", [nox.param(version, id=version) for version in SUPPORTED])


@nox.session(venv_backend="none", requires=["build"])
@each_interpreter
def smoke(session: nox.Session, version: str) -> None:
    """One test of each live kind on a supported Python, in an environment that has the wheel and nothing else."""
    python = environment(session, version, "smoke")
    chosen = session.posargs or ["-q", "-m", "smoke", str(ROOT / "tests" / "live")]
    env = {"GILCHECK_INTERRUPTS": "2"}
    run_pytest(session, [*python, "-m", "pytest"], "-p", "no:cacheprovider", *chosen, env=env)


@nox.session(venv_backend="none", requires=["build"])
@each_interpreter
def tests_all(session: nox.Session, version: str) -> None:
    """Run all tests, those of `live` too, on a supported Python. A quarter of an hour each; `-- FOLDER...` for some."""
    python = environment(session, version, "tests", *group("test"))
    chosen = [str(ROOT / part) if (ROOT / part).exists() else part for part in session.posargs]
    chosen = chosen or [str(ROOT / folder) for folder in existing(session, *DETERMINISTIC, "tests/live")]
    run_pytest(session, [*python, "-m", "pytest"], "-p", "no:cacheprovider", *chosen)


@nox.session(venv_backend="none", default=False, requires=["build"])
@each_interpreter
def interrupts(session: nox.Session, version: str) -> None:
    """Interrupt 200 runs at random moments on a supported Python, half in pytest and half in a script. Half an hour."""
    python = environment(session, version, "interrupts")
    # In the root the source tree would be imported first, which has no native module.
    with tempfile.TemporaryDirectory(prefix="gilcheck-benchmarks-") as elsewhere:
        Path(elsewhere, "benchmarks").symlink_to(ROOT / "benchmarks")
        session.chdir(elsewhere)
        session.run(*python, "-m", "benchmarks.interrupts", *session.posargs, external=True)
        session.chdir(ROOT)


@nox.session(default=False)
def abi3t(session: nox.Session) -> None:
    """One test of each live kind on 3.15 with its GIL, with the wheel that free-threaded builds share with it."""
    built = wheel_for(session, f"python{FIRST_ABI3T}")
    python = environment(session, FIRST_ABI3T, "abi3t", another=built)
    chosen = session.posargs or ["-q", "-m", "smoke", str(ROOT / "tests" / "live")]
    run_pytest(session, [*python, "-m", "pytest"], "-p", "no:cacheprovider", *chosen, env={"GILCHECK_INTERRUPTS": "2"})


def cross_wheel(session: nox.Session, target: str, compiler: str) -> Path:
    """Return the path of the wheel for another processor. Skip the session, and say why, where it cannot be built here."""
    rustup = subprocess.run(["rustup", "target", "list", "--installed"], capture_output=True, text=True, check=False)
    if target not in rustup.stdout.split():
        session.skip(f"{target}: NOT RUN: rustup target add {target}")
    if not shutil.which(compiler):
        session.skip(f"{target}: NOT RUN: {compiler} is missing, which links for it")
    home = ROOT / ".nox" / "wheels-of" / target / fingerprint()
    if not list(home.glob("*.whl")):
        session.install(*PYPROJECT["build-system"]["requires"])
        # No interpreter: one for that processor could not be started here, and the stable ABI needs none.
        env = {f"CARGO_TARGET_{target.upper().replace('-', '_')}_LINKER": compiler, "PYO3_NO_PYTHON": "1"}
        command = ["maturin", "build", "--release", *locked(), "--target", target, "--compatibility", "linux"]
        session.run(*command, "--out", str(home), env=env)
    (built,) = home.glob("*.whl")
    return built


@nox.session(default=False)
@nox.parametrize("version", [nox.param(version, id=version) for version in IN_DEBIAN])
def aarch64(session: nox.Session, version: str) -> None:
    """One test of each live kind on an emulated aarch64, with the wheel for it, and the core's own tests. Half an hour."""
    target, compiler = "aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"
    start = [str(DEBIAN_PYTHONS), "--arch=arm64"]
    folder = subprocess.run([*start, "where"], capture_output=True, text=True, check=False)
    if folder.returncode:
        session.skip(f"aarch64: NOT RUN: {folder.stderr.strip()}")
    built = cross_wheel(session, target, compiler)
    packages = Path(session.create_tmp()).resolve() / f"aarch64-{version}"
    shutil.rmtree(packages, ignore_errors=True)
    # By this machine's own pip: the emulated one would take a quarter of an hour.
    tags = [f"--platform={tag}_aarch64" for tag in ("linux", "manylinux_2_17", "manylinux_2_28")]
    options = [*tags, f"--python-version={version}", "--implementation=cp", "--only-binary=:all:", "--no-compile"]
    session.run("python", "-m", "pip", "install", "-q", "--target", str(packages), *options, str(built))
    env = {"PYTHONPATH": str(packages), "GILCHECK_INTERRUPTS": "2"}
    python = [*start, "run", f"python{version}", "-m", "pytest", "-p", "no:cacheprovider"]
    chosen = session.posargs or ["-m", "smoke", str(ROOT / "tests" / "live" / "test_interpreters.py")]
    run_pytest(session, python, *chosen, env=env)
    if not session.posargs:
        # Where qemu finds the C library; tests that start themselves once more inherit it.
        libraries = f"/usr/{compiler.removesuffix('-gcc')}"
        env = {"CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER": compiler, "QEMU_LD_PREFIX": libraries}
        parts = ["cpython::", "os::"]
        # qemu 7.2 has no process_vm_readv, which this one asks for. The ledger then reads through /proc/self/mem.
        parts += ["--skip", "both_ways_read_the_same"]
        command = ["cargo", "test", *locked(), "--target", target, "-p", "gilcheck-core", "--lib", "--", *parts]
        session.run(*command, external=True, env=env)


@nox.session(default=False)
@nox.parametrize("release", [nox.param(release, id=release) for release in ("8.0", "8.4", "9.2")])
def oldest(session: nox.Session, release: str) -> None:
    """Run the plugin's tests and the smoke with a release of pytest and the oldest allowed version of all else."""
    project = PYPROJECT["project"]
    allowed = project["dependencies"]
    exact = [requirement.replace(">=", "==", 1) for requirement in allowed if not requirement.startswith("pytest>")]
    built = wheel(session)
    # The workers are part of what is promised; the other neighbours have an oldest pytest of their own each.
    session.install(str(built), f"pytest=={release}.*", *exact, "pytest-xdist==3.8.*")
    session.install("--force-reinstall", "--no-deps", str(built))
    session.run("python", "-m", "pip", "list", "--format=freeze", silent=False)
    plugin = ROOT / "tests" / "plugin"
    run_pytest(session, ["pytest"], "--ignore", str(plugin / "test_neighbours.py"), *(session.posargs or [str(plugin)]))
    run_pytest(session, ["pytest"], "-m", "smoke", str(ROOT / "tests" / "live"), env={"GILCHECK_INTERRUPTS": "2"})


@nox.session
def live(session: nox.Session) -> None:
    """Run the tests in real time, on specimens. Under load a test may be inconclusive, never wrong."""
    run_tests(session, "tests/live")


@nox.session
def rust(session: nox.Session) -> None:
    """Run the Rust tests that need no Python, also as on a system without a ledger; check format and clippy."""
    env = {"PYO3_PYTHON": sys.executable}
    session.run("cargo", "test", *locked(), "--workspace", "--exclude", "gilcheck-ext", external=True, env=env)
    # The module for other systems is compiled and tested here too. Its flags would otherwise build everything anew.
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    other = {**env, "RUSTFLAGS": "--cfg gilcheck_unsupported_os", "CARGO_TARGET_DIR": str(target / "unsupported-os")}
    session.run("cargo", "test", *locked(), "--package", "gilcheck-core", external=True, env=other)
    for component, command in {
        "fmt": ["fmt", "--all", "--check"],
        "clippy": ["clippy", *locked(), "--workspace", "--all-targets", "--", "-D", "warnings"],
    }.items():
        # Minimal toolchains come without these two. A newcomer's tests should still run, and CI must not pass unchecked.
        # rustup puts a `cargo-clippy` on PATH whether or not the component is installed, so it is run to find out.
        present = subprocess.run(["cargo", component, "--version"], capture_output=True, check=False).returncode == 0
        if present or os.environ.get("CI"):
            session.run("cargo", *command, external=True, env=env)
        else:
            session.warn(f"cargo {component} is not installed: NOT CHECKED; `rustup component add rustfmt clippy`")


#: Systems for which nothing is run here. What is compiled for them is checked.
OTHER_SYSTEMS = (
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-gnu",
    "x86_64-pc-windows-msvc",
)


@nox.session(venv_backend="none", default=False)
@nox.parametrize("target", [nox.param(target, id=target) for target in OTHER_SYSTEMS])
def other_system(session: nox.Session, target: str) -> None:
    """Check that all of it compiles for a system that is not at hand. Half a minute each."""
    rustup = subprocess.run(["rustup", "target", "list", "--installed"], capture_output=True, text=True, check=False)
    if target not in rustup.stdout.split():
        session.skip(f"{target}: NOT RUN: rustup target add {target}")
    # A module that is loaded needs no library of Python to link with, which is not there either.
    env = {"PYO3_NO_PYTHON": "1"}
    if target.endswith("musl"):
        # Modules exist only where the C library is a shared one, as on Alpine.
        env["RUSTFLAGS"] = "-C target-feature=-crt-static"
    command = ["cargo", "check", *locked(), "--workspace", "--features", "pyo3/extension-module", "--target", target]
    session.run(*command, external=True, env=env)


@nox.session(venv_backend="none", default=False)
def oldest_rust(session: nox.Session) -> None:
    """Compile all of it, and run the core's tests, with the oldest Rust that Cargo.toml allows."""
    version = nox.project.load_toml(ROOT / "Cargo.toml")["workspace"]["package"]["rust-version"]
    rustup = subprocess.run(["rustup", "toolchain", "list"], capture_output=True, text=True, check=False)
    named = [line.split()[0] for line in rustup.stdout.splitlines() if line.startswith((f"{version}.", f"{version}-"))]
    if not named:
        session.skip(f"Rust {version}: NOT RUN: rustup toolchain install {version}")
    # Its own folder: what one compiler has made the other would make anew.
    env = {"CARGO_TARGET_DIR": str(ROOT / "target" / "oldest-rust"), "PYO3_PYTHON": sys.executable}
    cargo = ["cargo", f"+{named[0]}"]
    session.run(*cargo, "check", *locked(), "--workspace", "--all-targets", external=True, env=env)
    session.run(*cargo, "test", *locked(), "--workspace", "--exclude", "gilcheck-ext", external=True, env=env)


def sanitized(session: nox.Session, name: str, *more: str) -> None:
    """Run the core's tests with a sanitizer, in the stable compiler, which has them behind a switch for nightly ones."""
    target = next(
        line.split()[1]
        for line in subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout.splitlines()
        if line.startswith("host:")
    )
    env = {
        "RUSTC_BOOTSTRAP": "1",
        "RUSTFLAGS": f"-Zsanitizer={name}",
        # Its stand-in for the stack would hide where a variable of the caller lies, which ends a walk of the stack.
        "ASAN_OPTIONS": "detect_stack_use_after_return=0",
    }
    command = ["cargo", "test", *locked(), *more, "--target", target, "-p", "gilcheck-core"]
    session.run(*command, external=True, env=env)


@nox.session
def sanitizers(session: nox.Session) -> None:
    """The core's Rust tests with AddressSanitizer; with ThreadSanitizer where the standard library's source is there."""
    sanitized(session, "address")
    root = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
    if Path(root, "lib/rustlib/src/rust/library/Cargo.lock").exists():
        # Built anew, with the sanitizer: the standard library's own locks look like races otherwise.
        sanitized(session, "thread", "-Zbuild-std")
    else:
        session.warn("ThreadSanitizer: NOT CHECKED, it needs `rustup component add rust-src`")


@nox.session
def loom(session: nox.Session) -> None:
    """Models of the ledger's log, accounts and spans, in every order of the threads' steps."""
    env = {
        "RUSTFLAGS": "--cfg loom",
        "CARGO_TARGET_DIR": str(ROOT / "target" / "loom"),
        "CARGO_PROFILE_TEST_OPT_LEVEL": "1",
    }
    session.run("cargo", "test", *locked(), "-p", "gilcheck-core", "--lib", "ledger::models", external=True, env=env)


@nox.session
def typing(session: nox.Session) -> None:
    """Run mypy (strict) on the package, and compare the stub of the native module with the binary."""
    install(session, *group("typing"))
    session.run("mypy", *session.posargs)
    # Away from the source tree, whose package has no binary and would be imported first.
    config = str(ROOT / "pyproject.toml")
    session.chdir(session.create_tmp())
    session.run("python", "-m", "mypy.stubtest", "pytest_gilcheck._native", "--mypy-config-file", config)


@nox.session
def lint(session: nox.Session) -> None:
    """Run ruff (check and format) and pydoclint; zizmor and their schemas on the workflows. `nox -s lint -- --fix` corrects what ruff can correct."""
    session.install(*group("lint"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []))
    session.run("ruff", "format", *([] if fix else ["--check"]))
    session.run("zizmor", "--offline", "--quiet", *WORKFLOWS)
    files = [str(file) for name in WORKFLOWS for file in sorted(ROOT.glob(f"{name}/*.yml")) or [ROOT / name]]
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)
    gitlab = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    session.run("check-jsonschema", *gitlab, "docs/howto/workflows/gitlab.yml")
    session.run("pydoclint", "pytest_gilcheck")
    # What users import or call: short docstrings too, and each error that the body raises.
    public = [f"pytest_gilcheck/{module}.py" for module in PUBLIC]
    strict = ["--skip-checking-short-docstrings=False", "--skip-checking-private-functions=True"]
    session.run("pydoclint", *strict, *public)
    session.run("ruff", "check", "--preview", "--select", "DOC501", *public)


@nox.session
def imports(session: nox.Session) -> None:
    """Check which module imports which.

    The linter does not see binaries, so it gets a copy in which the stub replaces the native module.
    """
    session.install(*group("imports"))
    copy = Path(session.create_tmp()).resolve() / "imports"
    package = copy / "pytest_gilcheck"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "pytest_gilcheck", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    stub = package / "_native.pyi"
    if not stub.exists():
        session.error("pytest_gilcheck/_native.pyi is missing: the contract on the native module would protect nothing")
    stub.rename(stub.with_suffix(".py"))
    session.chdir(copy)
    session.run("lint-imports", "--config", str(ROOT / ".importlinter"), env={"PYTHONPATH": str(copy)})


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation with warnings as errors, and run every code block of its pages. `-- -k NAME` for some."""
    install(session, *group("docs"))
    for builder in ("html", "doctest"):
        session.run("sphinx-build", "-n", "-W", "--keep-going", "-q", "-b", builder, "docs", f"docs/_build/{builder}")
    run_pytest(session, ["pytest"], str(ROOT / "tests" / "docs"), *session.posargs)


@nox.session
def linkcheck(session: nox.Session) -> None:
    """Check the links of the documentation. This needs the network, so it is not part of `make test`."""
    install(session, *group("docs"))
    session.run("sphinx-build", "-b", "linkcheck", "docs", "docs/_build/linkcheck")


@nox.session
def quick(session: nox.Session) -> None:
    """Run lint, types and unit tests: less than a minute once the wheel is built."""
    install(session, *group("lint", "typing", "test"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("pytest", "-q", *(session.posargs or ["tests/unit"]))


def run_bench(session: nox.Session, name: str, *steps: list[str], subjects: str | None = None) -> None:
    """Run benchmarks/<name> with these steps, or with what follows ``--`` on the command line.

    The requirements of the benchmark `subjects` are installed, or its own. The project is installed in place, because a
    benchmark starts workers from the source tree, which then needs its binary.
    """
    session.install(*PYPROJECT["build-system"]["requires"], *group("bench"))
    requirements = ROOT / "benchmarks" / (subjects or name) / "requirements.txt"
    if requirements.exists():
        packages = [line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
        for batch in [["-r", str(requirements)]] if sys.version_info[:2] == CORPUS_PYTHON else filter(None, packages):
            # On other Pythons some of the pinned packages have no wheel: their cases are left out, and said to be.
            session.install(*([batch] if isinstance(batch, str) else batch), success_codes=[0, 1])
    session.run("maturin", "develop", "--release", *locked())
    for step in [session.posargs] if session.posargs else (steps or [[]]):
        session.run("python", "-m", f"benchmarks.{name}", *step)


@nox.session
def bench_ledger(session: nox.Session) -> None:
    """Judge a public corpus and specimens, idle and loaded: errors, widths, costs. Takes hours; can be resumed."""
    run_bench(session, "ledger", ["run"], ["price"], ["report"])


@nox.session(venv_backend="none", default=False, requires=["build"])
@each_interpreter
def corpus(session: nox.Session, version: str) -> None:
    """Judge the public corpus on a supported Python, idle and beside two busy processes. An hour; can be resumed.

    What follows ``--`` goes to `python -m benchmarks.ledger run`: ``--loads 0``, ``--package numpy scipy``.
    """
    listed = (ROOT / "benchmarks" / "ledger" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    packages = [line.split("#")[0].strip() for line in listed]
    # Other Pythons than the one that the versions were chosen for may have no wheel; nothing is built here.
    python = environment(session, version, "corpus", "--only-binary=:all:", "packaging", *filter(None, packages))
    # A version has its own folder, and so its own report.
    folder = ["--folder", f".gilcheck/corpus-{version}"]
    # From the tree, as `benchmarks` is no installed package; its workers are started elsewhere and use the wheel.
    command = [*python, "-m", "benchmarks.ledger"]
    asked = session.posargs or ["--loads", "0", "2"]
    session.run(*command, "run", *folder, "--witness", "ledger", *asked, external=True)
    # 1: a promised figure is missed, or was not measured, as those of the price.
    session.run(*command, "report", *folder, external=True, success_codes=[0, 1])


@nox.session
def living(session: nox.Session) -> None:
    """Are verdicts right in a process in which other threads, timers and pools live? An hour; `-- --quick`: minutes."""
    run_bench(session, "living", subjects="ledger")


@nox.session(venv_backend="none", default=False, requires=["build"])
def census(session: nox.Session) -> None:
    """Ask every function of the census again, and compare with the words that are stored. An hour; can be resumed.

    `-- older`: of older releases of some packages; `-- run --fresh`: store anew; `-- again --package numpy`: some of it.
    """
    is_older = session.posargs[:1] == ["older"]
    listed = (CENSUS / f"requirements{'-older' if is_older else ''}.txt").read_text(encoding="utf-8").splitlines()
    packages = [line.split("#")[0].strip() for line in listed]
    name = "census-older" if is_older else "census"
    python = environment(session, CENSUS_PYTHON, name, "--only-binary=:all:", *filter(None, packages))
    verbs = session.posargs or ["again"]
    for step in [verbs, ["page"]]:
        # From the tree, as `benchmarks` is no installed package; its workers are started elsewhere and use the wheel.
        session.run(*python, "-m", "benchmarks.census", *step, external=True)


@nox.session
def bench_overlap(session: nox.Session) -> None:
    """Count how often overlap is reported wrongly, or missed. Takes an hour."""
    loads = [["words", "--load", str(n_busy)] for n_busy in (0, 1, 2, 4)]
    plot = ["cost", "--plot", "docs/explanation/cost.svg"]
    run_bench(session, "overlap", *loads, ["null"], ["causes"], ["one-cpu"], plot, ["windows"], subjects="ledger")


@nox.session
def bench_counter(session: nox.Session) -> None:
    """Compare the reference counter with the usual ways of counting a word."""
    install_project(session, "word_count")
    run_bench(session, "counter")


@nox.session
def bench_agreement(session: nox.Session) -> None:
    """Measure what an agreement costs, and count races that are missed and right functions that are accused."""
    run_bench(session, "agreement")


@nox.session
def bench_gate(session: nox.Session) -> None:
    """Count how often the gate fails a regression and passes an unchanged project."""
    run_bench(session, "gate")


@nox.session
def bench_plugin(session: nox.Session) -> None:
    """Measure what the plugin costs a run that checks nothing, and what it costs many such tests. A quarter of an hour."""
    run_bench(session, "plugin")


@nox.session
def bench_alternatives(session: nox.Session) -> None:
    """Ask other tools and ours about the same calls. Ten minutes."""
    run_bench(session, "alternatives", ["--table", "docs/explanation/alternatives-measured.md"])


@nox.session
def bench_pictures(session: nox.Session) -> None:
    """Measure how large the page of 1,000 checks is, and how fast Chromium opens and sorts it."""
    run_bench(session, "pictures")


def free_threaded_python(session: nox.Session, version: str) -> str:
    """Return the path of a free-threaded CPython. Skip the session, and say why, if there is none on this machine."""
    if on_path := shutil.which(f"python{version}"):
        return on_path
    command = [FREE_THREADED_PYTHON, f"--version={version.removesuffix('t')}", "where"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return found.stdout.strip()
    return session.skip(f"CPython {version}: NOT RUN: it is not on PATH; {found.stderr.strip()}")


def wheel_of_older_pyo3(session: nox.Session, python: str) -> Path:
    """Return the path of a wheel for this interpreter, built from a copy of the sources with an older PyO3."""
    home = ROOT / ".nox" / "free-threaded" / fingerprint()
    if not list(home.glob("*.whl")):
        shutil.rmtree(home.parent, ignore_errors=True)
        copy = home / "sources"
        for pattern in WHEEL_SOURCES:
            for path in ROOT.glob(pattern):
                if path.is_file() and path.suffix not in MAKES_NO_WHEEL:
                    target = copy / path.relative_to(ROOT)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
        shutil.copyfile(FREE_THREADED_LOCK, copy / "Cargo.lock")
        manifest = copy / "Cargo.toml"
        changed, n_changes = re.subn(
            r'^pyo3 = \{ version = "[\d.]+", features = \["abi3-py310", "abi3t-py315"\]',
            f'pyo3 = {{ version = "{FREE_THREADED_PYO3}", features = ["abi3-py310"]',
            manifest.read_text(encoding="utf-8"),
            flags=re.MULTILINE,
        )
        if n_changes != 1:
            session.error("Cargo.toml names PyO3 in another way: the copy for the older PyO3 cannot be made")
        manifest.write_text(changed, encoding="utf-8")
        session.install(*PYPROJECT["build-system"]["requires"])
        # Beside our own target: what both compile alike is compiled for another interpreter, and kept apart.
        env = {"CARGO_TARGET_DIR": str(ROOT / "target" / "free-threaded")}
        session.chdir(copy)
        # Without link-time optimisation: it tests, and nobody waits for it twice.
        env |= {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16"}
        session.run("maturin", "build", "--release", "--locked", "--interpreter", python, "--out", str(home), env=env)
        session.chdir(ROOT)
    (built,) = home.glob("*.whl")
    return built


def free_threaded_environment(session: nox.Session, version: str) -> str:
    """Return the interpreter of an environment of a free-threaded CPython with our wheel and what its tests need."""
    python = free_threaded_python(session, version)
    built = wheel_of_older_pyo3(session, python) if version == DROPPED else wheel_for(session, python)
    home = ROOT / ".nox" / "pythons" / f"{version}-tests"
    inside = str(home / "bin" / "python")
    stamp = home / "made-of.txt"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != str(built):
        session.run(python, "-m", "venv", "--clear", str(home), external=True)
        install = [inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        # Later releases have native parts, and no wheel for the oldest.
        hypothesis = "hypothesis<6.140" if version == DROPPED else "hypothesis"
        session.run(*install, str(built), hypothesis, "pytest-xdist", external=True)
        stamp.write_text(str(built), encoding="utf-8")
    return inside


each_free_threaded = nox.parametrize("version", [nox.param(version, id=version) for version in FREE_THREADED])


@nox.session(default=False)
@each_free_threaded
def free_threaded(session: nox.Session, version: str) -> None:
    """Run the tests of what a free-threaded interpreter is asked for; `-- FOLDER...` for others."""
    python = free_threaded_environment(session, version)
    chosen = session.posargs or [str(ROOT / "tests" / "live" / "test_free_threaded.py")]
    run_pytest(session, [python, "-m", "pytest"], "-p", "no:cacheprovider", *chosen)


@nox.session(default=False)
@each_free_threaded
def bench_free_threaded(session: nox.Session, version: str) -> None:
    """Count wrong words of specimens that are attached for known shares, idle and beside busy processes, and races missed."""
    python = free_threaded_environment(session, version)
    # In the root the source tree would be imported first, which has no native module.
    with tempfile.TemporaryDirectory(prefix="gilcheck-benchmarks-") as elsewhere:
        Path(elsewhere, "benchmarks").symlink_to(ROOT / "benchmarks")
        session.chdir(elsewhere)
        # 1: a bar is missed. Those of the agreement's time are of builds with a GIL.
        codes = [0, 1]
        session.run(python, "-m", "benchmarks.free_threaded", *session.posargs, external=True, success_codes=codes)
        races = ["benchmarks.agreement", "--runs", "20", "--pairs", "1"]
        session.run(python, "-m", *races, external=True, success_codes=codes)
        session.chdir(ROOT)
