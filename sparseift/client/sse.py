"""Server-sent events as they come over a connection (WHATWG HTML, §9.2), without what browsers alone need."""

from collections.abc import Iterable, Iterator


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
