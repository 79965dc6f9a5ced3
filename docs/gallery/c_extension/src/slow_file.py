"""A file that takes its time: a pipe with a name, which another process reads slowly."""

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

READER = """
import os, sys, time
pipe = os.open(sys.argv[1], os.O_RDWR)   # also for writing: the pipe then never ends
print("ready", flush=True)
while True:
    time.sleep(0.005)
    os.read(pipe, 65536)
"""


@contextlib.contextmanager
def slow_file():
    """Give the path of a pipe that takes at most 64 KiB in 5 ms. The reader must be a process: a thread needs the GIL."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "slow")
        os.mkfifo(path)
        with subprocess.Popen([sys.executable, "-c", READER, path], stdout=subprocess.PIPE) as reader:
            try:
                reader.stdout.readline()
                yield path
            finally:
                reader.kill()
