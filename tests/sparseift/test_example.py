"""The three forms of an example, and what is one sample."""

from collections import UserDict

import pytest
import torch

from sparseift.errors import InvalidValue
from sparseift.example import arguments_of, on_device, one_sample, tensors_of

X, Y = torch.zeros(1, 3), torch.ones(1, 4)


def test_a_tensor_is_the_only_argument() -> None:
    assert arguments_of(X) == ((X,), {})


def test_a_tuple_holds_positional_arguments_and_a_mapping_keywords() -> None:
    assert arguments_of((X, None, 3)) == ((X, None, 3), {})
    assert arguments_of({"x": X, "flag": True}) == ((), {"x": X, "flag": True})
    assert arguments_of(UserDict(x=X)) == ((), {"x": X})  # what Hugging Face's tokenizers return


def test_nested_tensors_are_found_and_moved() -> None:
    example = {"pair": [X, (Y, "name")], "depth": 2}
    assert [t is u for t, u in zip(tensors_of(example), (X, Y), strict=True)] == [True, True]
    args, kwargs = on_device(example, "meta")
    assert args == ()
    assert kwargs["depth"] == 2
    assert kwargs["pair"][0].is_meta
    assert kwargs["pair"][1][0].is_meta
    assert kwargs["pair"][1][1] == "name"


def test_one_sample() -> None:
    one_sample({"x": X, "scale": torch.tensor(2.0), "nested": [Y]})
    with pytest.raises(InvalidValue, match=r"batch of 2 \(a tensor of shape \(2, 3\)\)"):
        one_sample((X, torch.zeros(2, 3)))
    with pytest.raises(InvalidValue, match="holds no tensor"):
        one_sample({"depth": 2})


def test_anything_else_is_refused() -> None:
    with pytest.raises(InvalidValue, match="is a list; it must be a tensor"):
        arguments_of([X])  # type: ignore[arg-type]
