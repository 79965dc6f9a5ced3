"""Every counter refuses what is not a text, a word or a file, in the same way."""

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

COUNTERS = [reference.count, reference.count_sequential, reference.count_holding_gil, reference.count_python]
every_counter = pytest.mark.parametrize("count", COUNTERS, ids=lambda counter: counter.__name__)


@every_counter
@pytest.mark.parametrize(("needle", "why"), [("", "is empty"), ("a b", "has a space"), ("a\n", "has a line end")])
@pytest.mark.parametrize("ignore_case", [False, True])
def test_count_when_no_word_can_be_the_needle_then_it_refuses(
    count, needle: str, why: str, *, ignore_case: bool
) -> None:
    """The message shows the needle, why nothing can match, and what to pass instead."""
    with pytest.raises(UsageError) as refused:
        count("a b", needle, ignore_case=ignore_case)

    assert repr(needle) in str(refused.value)
    assert why in str(refused.value)
    assert "pass one word" in str(refused.value)


@every_counter
@pytest.mark.parametrize("text", [3, None, ["a"], object()], ids=["int", "None", "list", "object"])
def test_count_when_the_text_is_not_a_text_then_it_refuses(count, text: object) -> None:
    """The message names what it got and what it takes."""
    with pytest.raises(TypeError, match=f"text must be str, bytes or another buffer, got {type(text).__name__}"):
        count(text, "a")


@every_counter
def test_count_when_the_needle_is_of_the_other_kind_then_the_message_has_the_remedy(count) -> None:
    """`str` in `bytes` could mean two things, as in Python itself."""
    with pytest.raises(TypeError, match=r"needle must be bytes, as the text is \(needle\.encode\(\)\), got str: 'a'"):
        count(b"a", "a")
    with pytest.raises(TypeError, match=r"needle must be str, as the text is \(needle\.decode\(\)\), got bytes: b'a'"):
        count("a", b"a")
    with pytest.raises(TypeError, match="needle must be str"):
        count("a", None)


@every_counter
def test_count_when_the_text_is_any_buffer_then_its_bytes_count(count) -> None:
    """In their order, whatever their item type; an empty one has no words."""
    with mmap.mmap(-1, 8) as mapped:
        mapped[:] = b"zen zen\n"
        assert count(mapped, b"zen") == 2
    assert count(memoryview(b"zen zen\n")[4:], b"zen") == 1
    assert count(array.array("B", b"zen zen"), b"zen") == 2
    assert count(memoryview(array.array("H", b"zen zen ")), b"zen") == 2
    assert count(bytearray(), b"zen") == 0
    assert count(memoryview(b"").cast("H"), b"zen") == 0


@every_counter
def test_count_when_a_buffer_has_gaps_then_the_message_has_the_remedy(count) -> None:
    """Its bytes do not lie in one piece."""
    with pytest.raises(TypeError, match=r"a buffer without gaps, got a memoryview with strides: pass bytes\(text\)"):
        count(memoryview(b"abcdef")[::2], b"a")


@every_counter
def test_count_when_the_text_is_of_a_subclass_then_it_counts(count) -> None:
    """As everywhere in Python."""

    class Text(str):
        __slots__ = ()

    class Raw(bytes):
        __slots__ = ()

    assert count(Text("a b"), Text("b")) == 1
    assert count(Raw(b"a b"), Raw(b"b")) == 1


def test_count_when_a_buffer_changes_meanwhile_then_nothing_breaks() -> None:
    """The count is possible for some moment, and the buffer cannot be resized while it is read."""
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
def test_count_file_when_a_file_cannot_be_opened_then_it_raises_what_open_raises(
    tmp_path: Path, name: str, kind
) -> None:
    """Class, number and name are the same."""
    path = kind(str(tmp_path / name))
    with pytest.raises(OSError) as by_open:  # noqa: PT011  (whichever it is)
        open(path).close()
    with pytest.raises(OSError) as by_count:  # noqa: PT011
        reference.count_file(path, "a")

    assert by_count.type is by_open.type
    assert by_count.value.errno == by_open.value.errno
    assert by_count.value.filename == path


def test_count_file_when_reading_fails_then_it_raises_the_error_of_the_system() -> None:
    """The memory of a process is a file that opens, and whose beginning cannot be read."""
    with pytest.raises(OSError, match="Input/output error") as broken:
        reference.count_file("/proc/self/mem", "a")

    assert broken.value.errno == errno.EIO


def test_count_file_when_the_path_is_not_a_path_then_it_refuses() -> None:
    """As `open` does; a descriptor is not a path here."""
    with pytest.raises(TypeError, match=r"expected str, bytes or os\.PathLike object, not int"):
        reference.count_file(3, "a")
    with pytest.raises(UsageError, match="null byte"):
        reference.count_file("a\0b", "a")
    with pytest.raises(UsageError, match="is empty"):
        reference.count_file("missing", "")
    with pytest.raises(TypeError, match="needle must be str or bytes, got int: 3"):
        reference.count_file("missing", 3)


def test_count_file_when_the_name_is_not_utf8_then_it_counts(tmp_path: Path) -> None:
    """A file's name need not be UTF-8."""
    name = os.fsencode(tmp_path) + b"/\xff"
    with open(name, "wb") as file:
        file.write(b"zen zen")

    assert reference.count_file(name, "zen") == 2
    assert reference.count_file(os.fsdecode(name), "zen") == 2


def test_count_file_when_the_path_is_a_pipe_then_it_is_read_to_its_end(tmp_path: Path) -> None:
    """A path need not be that of a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"zen " * 100_000,))
    writer.start()

    assert reference.count_file(pipe, "zen") == 100_000
    writer.join()


def test_count_file_when_interrupted_in_an_endless_pipe_then_it_ends(tmp_path: Path) -> None:
    """The call raises without waiting for the next byte."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = """if True:
        import os, signal, sys
        from pytest_gilcheck import reference
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with it ignored
        try:
            reference.count_file(sys.argv[1], "zen")
        except KeyboardInterrupt:
            os._exit(7)
    """
    writing = None
    with subprocess.Popen([sys.executable, "-c", code, str(pipe)]) as process:
        while process.poll() is None:
            if writing is None:
                # This fails until the other side has opened the pipe, inside of its call.
                with contextlib.suppress(OSError):
                    writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            else:
                # Repeated: a signal that comes just before the read begins does not interrupt it.
                process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)

    assert writing is not None
    os.close(writing)
    assert process.returncode == 7


def test_count_when_in_a_forked_child_then_it_counts_as_in_its_parent() -> None:
    """The parent's threads do not exist in the child, and waiting for them would never end."""
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


@pytest.mark.parametrize("counter", COUNTERS, ids=lambda counter: counter.__name__)
def test_counters_are_known_by_their_public_names(counter) -> None:
    """Reports show these names, and worker processes import by them."""
    assert counter.__module__.startswith("pytest_gilcheck.reference")
    assert pickle.loads(pickle.dumps(counter)) is counter
    assert counter.__doc__


def test_chunks_when_they_are_empty_then_they_are_refused() -> None:
    """Counting would never end."""
    with pytest.raises(UsageError, match="at least 1, got 0 and 1"):
        _native.reference_count_in_chunks("a", "a", 0, 1, False)


def test_reading_when_the_buffer_is_writable_then_it_is_refused() -> None:
    """It would be copied, which is not reading."""
    with pytest.raises(TypeError, match="text must be str or bytes"):
        _native.reference_read(bytearray(b"a"), False)
