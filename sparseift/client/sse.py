"""Server-sent events as they come over a connection (WHATWG HTML, §9.2), without what browsers alone need."""

import codecs
import re
from collections.abc import Iterable, Iterator

LINE_END = re.compile(r"\r\n|\n|\r")  # nothing else: U+2028 and U+0085, where `splitlines` cuts, are ordinary text


def lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """The whole lines of a UTF-8 stream, however it was cut into pieces; a line that breaks off is none."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest, cut_in_crlf = "", False
    for piece in pieces:
        text = decoder.decode(piece)
        if not text:
            continue
        if cut_in_crlf:  # the line was told at its CR, for nothing else may come for long
            text = text.removeprefix("\n")
        cut_in_crlf = text.endswith("\r")
        *whole, rest = LINE_END.split(rest + text)
        yield from whole


def messages(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(kind, data) of each whole message; comments, ids and retry times are left out.

    A message without an `event` line is of kind "message"; one that breaks off before its empty line is none.
    """
    kind: str = "message"
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield kind, "\n".join(data)
            kind, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
