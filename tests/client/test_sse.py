"""Server-sent events, read from their bytes and lines."""

from collections.abc import Iterator

import pytest

from sparseift.client.sse import lines, messages

STREAM = """retry: 1000

: still here

id: 7
event: trial.complete
data: {"id": 7}

data: one
data:two

event: end
data: {"state": "succeeded"}

event: broken
data: off""".splitlines()


def test_whole_messages_are_told_and_nothing_else() -> None:
    assert list(messages(STREAM)) == [
        ("trial.complete", '{"id": 7}'),
        ("message", "one\ntwo"),
        ("end", '{"state": "succeeded"}'),
    ]


TEXT = "a\u2028b\u0085c\x0bd\x1ee\nfé\r\n\r\ng\rh\n\ncut off"
LINES = ["a\u2028b\u0085c\x0bd\x1ee", "fé", "", "g", "h", ""]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_a_line_ends_at_lf_and_cr_alone_however_it_is_cut(size: int) -> None:
    stream = TEXT.encode()
    assert list(lines(stream[at : at + size] for at in range(0, len(stream), size))) == LINES


def test_a_line_is_told_at_once() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"\xef\xbb\xbfone\r"
        raise ConnectionError

    told = lines(pieces())
    assert next(told) == "one", "without the mark of order, and without waiting for what may follow the CR"
