"""Where a network begins and ends: weights whose input depends on no other, and those whose output feeds no other."""

from collections.abc import Iterable

# Operators that read a table of vectors by index: what they give depends on a weight, though they cost nothing.
LOOKUPS = ("embedding", "index", "index_select", "gather", "_embedding_bag")


class Ends:
    """Follows what every tensor of a forward depends on, operator by operator.

    Tensors are known by the address of their storage. A storage that is freed and taken again is written by an operator
    first, which overwrites what was known of it.

    Attributes:
        stems: weights that read the input, in order of use.
    """

    def __init__(self) -> None:
        self.stems: dict[str, None] = {}
        self._bits: dict[str, int] = {}  # weight -> its bit
        self._depends: dict[int, int] = {}  # storage -> the bits of the weights that it depends on
        self._followed = 0  # weights that a later one depends on

    @property
    def heads(self) -> tuple[str, ...]:
        """Weights on which, after their last use, no other weight's input depends; in order of first use."""
        return tuple(name for name, bit in self._bits.items() if not self._followed & bit)

    def pass_through(
        self, read: Iterable[int], written: Iterable[int], weight: str | None, table: str | None = None
    ) -> None:
        """One operator.

        Args:
            read, written: storages; what is read and written in place is in `read`, and keeps what it depends on.
            weight: that it multiplies with; table: that it looks up in.
        """
        read, written = set(read), set(written)
        depends = 0
        for storage in read:
            depends |= self._depends.get(storage, 0)
        if weight is not None:
            bit = self._bit(weight)
            if not depends & ~bit:
                self.stems.setdefault(weight)
            self._followed = (self._followed | depends) & ~bit
            depends |= bit
        elif table is not None:
            self._followed |= self._bit(table)
            depends |= self._bit(table)
        for storage in written:
            self._depends[storage] = depends

    def written_in_place(self, storage: int, read: Iterable[int]) -> None:
        """An operator that writes into a tensor that was there: it now depends on all that was read too."""
        for other in read:
            self._depends[storage] = self._depends.get(storage, 0) | self._depends.get(other, 0)

    def _bit(self, name: str) -> int:
        return self._bits.setdefault(name, 1 << len(self._bits))
