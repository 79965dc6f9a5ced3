"""A pointer left behind is counted, and nothing else."""

from benchmarks.ledger.slots import n_pointing, ranges

MAPS = """\
1000-2000 r--p 00000000 08:01 7    /opt/lib/libpython3.11.so.1.0
2000-3000 rw-p 00001000 08:01 7    /opt/lib/libpython3.11.so.1.0
9000-a000 r-xp 00000000 08:01 8    /opt/libpython/_native.abi3.so
b000-c000 rw-p 00000000 00:00 0
"""


def test_ranges_when_an_object_is_mapped_in_parts_then_all_are_found_by_its_file_alone():
    assert ranges(MAPS, "libpython") == [(0x1000, 0x2000), (0x2000, 0x3000)]
    assert ranges(MAPS, "_native.abi3") == [(0x9000, 0xA000)]


def test_n_pointing_when_words_lie_at_the_ends_then_only_those_inside_count():
    words = (0x8FFF, 0x9000, 0x9FFF, 0xA000, 0)
    data = b"".join(word.to_bytes(8, "little") for word in words) + b"\xff"

    assert n_pointing(data, [(0x9000, 0xA000)]) == 2
