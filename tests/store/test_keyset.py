"""Keys of lists, against the order of plain tuples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Float, Integer, MetaData, Table, create_engine, insert, select

from store.keyset import Key, after, nulls_last

TABLE = Table("row", MetaData(), Column("grp", Integer), Column("val", Float), Column("num", Integer))
ROWS = st.lists(st.tuples(st.integers(0, 2), st.one_of(st.none(), st.sampled_from([-1.5, 0.0, 2.0]))), max_size=6)


@pytest.mark.parametrize("descending", [False, True])
@given(rows=ROWS)
def test_what_comes_after_a_row_is_the_rest_of_the_list(descending: bool, rows: list[tuple[int, float | None]]) -> None:
    if not rows:
        return
    numbered = [(group, value, number) for number, (group, value) in enumerate(rows)]
    keys = (Key(TABLE.c.grp, descending=True), *nulls_last(TABLE.c.val, descending=descending), Key(TABLE.c.num))

    def place(row: tuple[int, float | None, int]) -> tuple[float, ...]:
        group, value, number = row
        return group, int(value is None), 0.0 if value is None else value, number

    def rank(row: tuple[int, float | None, int]) -> tuple[float, ...]:
        group, is_null, value, number = place(row)
        return -group, is_null, -value if descending else value, number

    expected = sorted(numbered, key=rank)
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        TABLE.create(connection)
        connection.execute(insert(TABLE), [dict(zip(TABLE.c.keys(), row, strict=True)) for row in numbered])
        listed = select(TABLE).order_by(*(key.order() for key in keys))
        assert [tuple(row) for row in connection.execute(listed)] == expected
        for index, row in enumerate(expected):
            rest = connection.execute(listed.where(after(keys, place(row))))
            assert [tuple(r) for r in rest] == expected[index + 1 :]
    engine.dispose()
