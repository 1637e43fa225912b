"""Messages of a stream, as text."""

import json

from service.events.schemas import EventView
from service.events.stream import message
from service.times import utc


def test_whatever_an_event_says_is_one_line_to_every_reader() -> None:
    """`str.splitlines`, which many readers use, also ends a line at U+0085, U+2028 and others."""
    words = "a\u2028b\u2029c\x85d\x0be\x1cf\ng\r\nh 100 % ü 𝛼"
    event = EventView(id=7, at=utc(0.5), kind="job.failed", payload={"message": words})
    text = message(event)
    assert text.isascii()
    lines = text.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["id", "event", "data", ""]
    assert EventView.model_validate(json.loads(lines[2].removeprefix("data: "))) == event
