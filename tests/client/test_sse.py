"""Server-sent events, read from their lines."""

from sparseift.client.sse import messages

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
