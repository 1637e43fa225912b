"""What is ended some seconds after the word to stop."""

import threading
import time

from service.ending import Ending


def test_the_end_comes_once_and_after_the_grace() -> None:
    told, ended = threading.Event(), []
    ending = Ending(told.is_set, 0.3, lambda: ended.append(time.monotonic()))
    ending.start()
    time.sleep(0.3)
    assert ended == []
    told.set()
    began = time.monotonic()
    while not ended and time.monotonic() - began < 20.0:
        time.sleep(0.01)
    ending.stop()
    assert len(ended) == 1
    assert ended[0] - began >= 0.3


def test_who_has_nothing_left_does_not_wait() -> None:
    ended: list[int] = []
    ending = Ending(lambda: True, 60.0, lambda: ended.append(1))
    ending.start()
    began = time.monotonic()
    ending.stop()
    assert time.monotonic() - began < 20.0
    assert ended == []
