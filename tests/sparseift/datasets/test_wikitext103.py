"""WikiText-103 from texts and a tokenizer that are made up here."""

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import pre_tokenizers

from sparseift.datasets.wikitext103 import PARTS, VOCABULARY, fetch, load
from sparseift.errors import DataError

LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())


def write(folder: Path, tokens: int = VOCABULARY) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(PARTS.values(), ("one\n\ntwo é\n", "three\n", ""), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    words = [*LETTERS, "on", *(f"<{i}>" for i in range(tokens - len(LETTERS) - 1))]
    (folder / "encoder.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "vocab.bpe").write_text("#version: 0.2\no n\n", encoding="utf-8")


def test_texts_become_tokens_that_spell_them(tmp_path: Path) -> None:
    write(tmp_path / "copy")
    fetch(tmp_path, lambda *_: None, tmp_path / "copy")
    splits = load(tmp_path, context=8)
    assert splits.train.text_bytes == len("one\n\ntwo é\n".encode())
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str("e\n\ntwo é\n")
    spelled = [LETTERS.index(letter) for word, _ in letters for letter in word]
    assert splits.train.tokens.tolist() == [len(LETTERS), *spelled], "the pair o n is one token"
    assert splits.train.tokens.dtype == np.uint16
    assert len(splits.test.tokens) == 0
    assert splits.shape.outputs == VOCABULARY


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"wiki\.train\.raw is not in .* no package registry has WikiText-103"):
        load(tmp_path, context=8)
    write(tmp_path / "wikitext103", tokens=300)
    with pytest.raises(DataError, match=r"encoder\.json has 300 tokens; GPT-2's has 50257"):
        load(tmp_path, context=8)
    (tmp_path / "wikitext103" / "vocab.bpe").unlink()
    with pytest.raises(DataError, match=r"vocab\.json and merges\.txt or encoder\.json and vocab\.bpe"):
        load(tmp_path, context=8)
