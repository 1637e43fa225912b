"""What an attempt's record says of where it ran."""

import platform

from worker.environment import describe


def test_a_slot_is_a_device_unless_it_says_what_it_has_of_one() -> None:
    whole, quarter = describe("cpu:0", 2), describe("cuda:0/3", 4, 0.25)
    assert (whole["device"], whole["threads"], whole["device_share"]) == ("cpu:0", 2, 1.0)
    assert (quarter["device"], quarter["threads"], quarter["device_share"]) == ("cuda:0/3", 4, 0.25)
    assert whole["host"] == platform.node()
