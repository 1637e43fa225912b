"""Names for rows and leases."""

import time

from store import ids


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = []
    for _ in range(50):
        made.append(ids.new_id("job"))
        time.sleep(2e-6)  # past the microsecond
    assert made == sorted(made)
    assert len(set(made)) == 50
    assert all(len(name) == 26 and name.startswith("job_") for name in made)


def test_ids_and_tokens_are_plain_text_that_differs() -> None:
    assert set(ids.new_id("job")[4:]) <= set(ids.ALPHABET)
    assert sorted(ids.ALPHABET) == list(ids.ALPHABET)
    assert len({ids.new_token() for _ in range(100)}) == 100
    assert len(ids.new_token()) == 32
