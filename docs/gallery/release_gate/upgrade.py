"""Run the checks with one release of SciPy, and compare them with those of a newer one: ``python -m upgrade``."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKS = Path(__file__).parent / "checks"
BEFORE, AFTER = "scipy==1.17.1", "scipy==1.18.1"


def install(requirement, folder):
    """Install a package into a folder of its own, which an environment variable then puts before all others."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--target", str(folder)]
    subprocess.run([*command, requirement], check=True)


def run_checks(packages, project, *options):
    """Run the checks with the packages of a folder. Return the exit status of pytest, and what it prints."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", *options]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(packages), "COLUMNS": "80"},
    )
    return done.returncode, (done.stdout + done.stderr).replace(f"{project}{os.sep}", "")


def upgraded(before=BEFORE, after=AFTER):
    """Save a baseline with one release, and compare with another. Return status and output of both runs."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "project")
        shutil.copytree(CHECKS, project, ignore=shutil.ignore_patterns("__pycache__"))
        Path(project, "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        runs = []
        for requirement, option in ((before, "--gilcheck-save=main"), (after, "--gilcheck-compare=main")):
            packages = Path(folder, requirement)
            install(requirement, packages)
            runs.append(run_checks(packages, project, option))
        return runs


def main():
    """Print what both runs print."""
    options = ("--gilcheck-save=main", "--gilcheck-compare=main")
    for requirement, option, (status, output) in zip((BEFORE, AFTER), options, upgraded(), strict=True):
        print(f"With {requirement}, pytest {option}, exit status {status}:\n{output.strip()}\n")


if __name__ == "__main__":
    main()
