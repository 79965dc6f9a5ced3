"""The workflows name the interpreters that the noxfile supports, and the files that the release is made of."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"


def supported():
    """Return the versions in the noxfile."""
    return sorted(constant("SUPPORTED"))


def free_threaded():
    """Return the free-threaded versions in the noxfile for which something is published."""
    return sorted({*constant("FREE_THREADED")} - {constant("DROPPED")})


def constant(name):
    """Return a constant of the noxfile, which is not imported: nox need not be installed."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    (value,) = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    ]
    return ast.literal_eval(value)


def test_ci_when_the_noxfile_supports_a_version_then_its_runners_have_it():
    """The one in which nox runs is the last, and needs no second place."""
    text = (WORKFLOWS / "ci.yml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"python-version: \|\n((?:\s+3\.\d+\n)+)", text)

    assert sorted(listed.split()) == supported()


def test_release_when_the_noxfile_supports_a_version_then_the_wheel_is_asked_there():
    text = (WORKFLOWS / "release.yml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"python: (\[.*\])", text)

    assert sorted(ast.literal_eval(listed)) == sorted(supported() + free_threaded())


def test_ci_when_a_free_threaded_version_has_a_wheel_then_its_tests_run_there():
    text = (WORKFLOWS / "ci.yml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"python: (\[.*\])", text)

    assert sorted(ast.literal_eval(listed)) == free_threaded()


def test_release_when_it_publishes_then_no_token_is_stored():
    """Trusted publishing: the job that uploads may prove who it is, runs none of our code, and follows all others."""
    text = (WORKFLOWS / "release.yml").read_text(encoding="utf-8")
    publish = text.partition("\n  publish:\n")[2]

    assert "secrets." not in text
    assert "id-token: write" in publish
    assert text.count("id-token") == 1
    assert "actions/checkout" not in publish
    assert "needs: [wheel, sdist, verdict]" in publish


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.name)
def test_workflow_when_a_session_is_named_then_nox_has_it(path):
    sessions = {*re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE)}
    named = re.findall(r"nox (?:-s|--session) (\w+)", path.read_text(encoding="utf-8"))

    assert set(named) <= sessions
