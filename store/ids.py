"""Names for rows and leases, made without asking the database."""

import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32 in lower case: sorts alike in every collation
TIME_CHARACTERS = 11  # 55 bits of microseconds since 1970: enough until the year 3111
RANDOM_CHARACTERS = 11  # 55 bits


def new_id(prefix: str) -> str:
    """`prefix_` + 22 URL-safe characters that sort by creation time, to the microsecond of this host's clock."""
    microseconds = time.time_ns() // 1000
    stamp = "".join(ALPHABET[microseconds >> 5 * i & 31] for i in reversed(range(TIME_CHARACTERS)))
    return f"{prefix}_{stamp}{''.join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))}"


def new_token() -> str:
    """A lease token: 128 random bits in hexadecimal."""
    return secrets.token_hex(16)
