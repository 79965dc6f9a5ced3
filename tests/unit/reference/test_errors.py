"""What is no text, no word or no file is told apart from a count, by every way to count alike."""

from __future__ import annotations

import array
import contextlib
import errno
import mmap
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_gilcheck import _native, reference
from pytest_gilcheck.evidence import UsageError

WAYS = [reference.count, reference.count_sequential, reference.count_holding_gil, reference.count_python]
every_way = pytest.mark.parametrize("count", WAYS, ids=lambda way: way.__name__)


@every_way
@pytest.mark.parametrize(("needle", "why"), [("", "is empty"), ("a b", "has a space"), ("a\n", "has a line end")])
@pytest.mark.parametrize("ignore_case", [False, True])
def test_a_needle_that_no_word_is_is_refused(count, needle: str, why: str, *, ignore_case: bool) -> None:
    """The message shows the needle, why nothing can match, and what to pass instead."""
    with pytest.raises(UsageError) as refused:
        count("a b", needle, ignore_case=ignore_case)

    assert repr(needle) in str(refused.value)
    assert why in str(refused.value)
    assert "pass one word" in str(refused.value)


@every_way
@pytest.mark.parametrize("text", [3, None, ["a"], object()], ids=["int", "None", "list", "object"])
def test_what_is_no_text_is_refused(count, text: object) -> None:
    """The message names what came and what is taken."""
    with pytest.raises(TypeError, match=f"text must be str, bytes or another buffer, got {type(text).__name__}"):
        count(text, "a")


@every_way
def test_a_needle_of_the_other_kind_is_refused_with_the_remedy(count) -> None:
    """`str` in `bytes` could mean two things, as in Python itself."""
    with pytest.raises(TypeError, match=r"needle must be bytes, as the text is \(needle\.encode\(\)\), got str: 'a'"):
        count(b"a", "a")
    with pytest.raises(TypeError, match=r"needle must be str, as the text is \(needle\.decode\(\)\), got bytes: b'a'"):
        count("a", b"a")
    with pytest.raises(TypeError, match="needle must be str"):
        count("a", None)


@every_way
def test_buffers_of_every_kind_are_texts(count) -> None:
    """Bytes in order, whatever their owner calls them; an empty one has no words."""
    with mmap.mmap(-1, 8) as mapped:
        mapped[:] = b"zen zen\n"
        assert count(mapped, b"zen") == 2
    assert count(memoryview(b"zen zen\n")[4:], b"zen") == 1
    assert count(array.array("B", b"zen zen"), b"zen") == 2
    assert count(memoryview(array.array("H", b"zen zen ")), b"zen") == 2
    assert count(bytearray(), b"zen") == 0
    assert count(memoryview(b"").cast("H"), b"zen") == 0


@every_way
def test_a_buffer_with_gaps_is_refused_with_the_remedy(count) -> None:
    """Its bytes have no one order."""
    with pytest.raises(TypeError, match=r"a buffer without gaps, got a memoryview with strides: pass bytes\(text\)"):
        count(memoryview(b"abcdef")[::2], b"a")


@every_way
def test_subclasses_of_str_and_bytes_are_texts(count) -> None:
    """As everywhere in Python."""

    class Text(str):
        __slots__ = ()

    class Raw(bytes):
        __slots__ = ()

    assert count(Text("a b"), Text("b")) == 1
    assert count(Raw(b"a b"), Raw(b"b")) == 1


def test_a_buffer_that_changes_meanwhile_never_breaks_anything() -> None:
    """Some count comes back, between none and all; the buffer cannot be resized as long as it is read."""
    text = bytearray(b"zen " * 1_000_000)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            text[:4_000] = b"ZEN " * 1_000
            text[:4_000] = b"zen " * 1_000

    changer = threading.Thread(target=change)
    changer.start()
    counts = [reference.count(text, b"zen") for _ in range(5)]
    stop.set()
    changer.join()

    assert all(999_000 <= count <= 1_000_000 for count in counts)
    text.clear()


@pytest.mark.parametrize("kind", [str, Path, os.fsencode], ids=["str", "Path", "bytes"])
@pytest.mark.parametrize("name", ["missing", "."])
def test_a_missing_or_unreadable_file_raises_what_open_raises(tmp_path: Path, name: str, kind) -> None:
    """Class, number and name."""
    path = kind(str(tmp_path / name))
    with pytest.raises(OSError) as by_open:  # noqa: PT011  (which one is the question)
        open(path).close()
    with pytest.raises(OSError) as by_count:  # noqa: PT011
        reference.count_file(path, "a")

    assert by_count.type is by_open.type
    assert by_count.value.errno == by_open.value.errno
    assert by_count.value.filename == path


def test_a_file_that_breaks_while_it_is_read_raises_the_systems_error() -> None:
    """A process's memory as a file: opens, and its beginning cannot be read."""
    with pytest.raises(OSError, match="Input/output error") as broken:
        reference.count_file("/proc/self/mem", "a")

    assert broken.value.errno == errno.EIO


def test_what_is_no_path_is_refused() -> None:
    """As by `open`; a descriptor is none here."""
    with pytest.raises(TypeError, match=r"expected str, bytes or os\.PathLike object, not int"):
        reference.count_file(3, "a")
    with pytest.raises(UsageError, match="null byte"):
        reference.count_file("a\0b", "a")
    with pytest.raises(UsageError, match="is empty"):
        reference.count_file("missing", "")
    with pytest.raises(TypeError, match="needle must be str or bytes, got int: 3"):
        reference.count_file("missing", 3)


def test_names_with_odd_bytes_are_names(tmp_path: Path) -> None:
    """A file's name need not be UTF-8."""
    name = os.fsencode(tmp_path) + b"/\xff"
    with open(name, "wb") as file:
        file.write(b"zen zen")

    assert reference.count_file(name, "zen") == 2
    assert reference.count_file(os.fsdecode(name), "zen") == 2


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """A path need not be a file's."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"zen " * 100_000,))
    writer.start()

    assert reference.count_file(pipe, "zen") == 100_000
    writer.join()


def test_ctrl_c_ends_the_count_of_a_pipe_that_never_ends(tmp_path: Path) -> None:
    """The interruption comes out of the call, without waiting for the next byte."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = """if True:
        import os, signal, sys
        from pytest_gilcheck import reference
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background hands it down as ignored
        try:
            reference.count_file(sys.argv[1], "zen")
        except KeyboardInterrupt:
            os._exit(7)
    """
    writing = None
    with subprocess.Popen([sys.executable, "-c", code, str(pipe)]) as process:
        while process.poll() is None:
            if writing is None:
                # Refused until the other side has opened it, which is inside of its call.
                with contextlib.suppress(OSError):
                    writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            else:
                # Again and again: a signal that comes just before the read begins does not interrupt it.
                process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)

    assert writing is not None
    os.close(writing)
    assert process.returncode == 7


def test_a_forked_child_counts_as_its_parent_does() -> None:
    """The parent's threads are not in the child: waiting for them would never end."""
    code = """if True:
        import os, warnings
        from pytest_gilcheck import _native, reference
        warnings.simplefilter("ignore", DeprecationWarning)
        text = "zen " * _native.REFERENCE_PARALLEL_FROM
        expected = reference.count(text, "zen")
        child = os.fork()
        if not child:
            os._exit(0 if reference.count(text, "zen") == expected else 1)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_functions_are_known_by_their_public_names(way) -> None:
    """Reports show them and worker processes get them by these."""
    assert way.__module__.startswith("pytest_gilcheck.reference")
    assert pickle.loads(pickle.dumps(way)) is way
    assert way.__doc__


def test_chunks_of_nothing_are_refused() -> None:
    """They would never end."""
    with pytest.raises(UsageError, match="at least 1, got 0 and 1"):
        _native.reference_count_in_chunks("a", "a", 0, 1, False)


def test_only_what_never_changes_is_read() -> None:
    """A writable buffer would be copied, and that is not reading."""
    with pytest.raises(TypeError, match="text must be str or bytes"):
        _native.reference_read(bytearray(b"a"), False)
