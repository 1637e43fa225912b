"""Which bytes of a file a `Range` header asks for (RFC 9110, section 14)."""

import re

from service.problems import Refused

ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length; None: the whole file, as for headers that we need not understand (several ranges, other
    units).

    Raises:
        Refused: it begins behind the file's end.
    """
    match = ONE.fullmatch(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":  # the last bytes
        start, end = max(0, size - int(match[2])), size
        satisfiable = int(match[2]) > 0 and size > 0
    else:
        start, last = int(match[1]), int(match[2]) if match[2] else size - 1
        if match[2] and last < start:
            return None  # not a range at all
        end = min(size, last + 1)
        satisfiable = start < size
    if not satisfiable:
        raise Refused(
            "range-not-satisfiable",
            f"The file has {size} bytes; {header!a} asks for others.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end - start
