"""WikiText-103 as tokens of GPT-2's byte-level BPE, from the user's own copies of both.

No package registry carries the texts, so nothing is fetched: `wiki.train.raw`, `wiki.valid.raw` and `wiki.test.raw`
are read where they lie, and beside them GPT-2's tokenizer in either of its two namings. The splits are the authors'.
Source: Merity et al. 2017, arXiv 1609.07843; Radford et al. 2019 for the tokenizer.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sparseift.cards import Argument, DatasetCard
from sparseift.datasets.cache import Arrays, read_or_build
from sparseift.datasets.splits import Splits, Text
from sparseift.errors import DataError
from sparseift.records import Arguments, DataShape, Metric

FOLDER = "wikitext-103-raw"
PARTS = {"train": "wiki.train.raw", "validation": "wiki.valid.raw", "test": "wiki.test.raw"}
TOKENIZERS = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
VOCABULARY = 50_257
TRAIN_TOKENS = 118_000_000  # about: what is exact is counted when the text is there
LINES = 20_000  # encoded at once


def shape(arguments: Arguments) -> DataShape:
    """What a model must know; `train_samples` is an estimate, which the steps of a language run do not depend on."""
    context = int(arguments["context"])
    return DataShape("text", (context,), VOCABULARY, TRAIN_TOKENS // context)


def load(folder: Path, *, context: int) -> Splits[Text]:
    """The three streams of tokens; the first call encodes half a gigabyte of text.

    Raises:
        DataError: the texts or the tokenizer are not in `folder`/wikitext103, or `tokenizers` is not installed.
    """
    kept = read_or_build(_cache(folder), lambda: _encode(folder / "wikitext103"))
    parts = {name: Text(kept[name], int(kept[f"{name}_bytes"])) for name in PARTS}
    return Splits(parts["train"], parts["validation"], parts["test"], shape({"context": context}))


def fetch(folder: Path, progress: Callable[[int, int], None], source: Path | None = None) -> Path:
    """Encode a local copy into `folder`, once.

    Args:
        source: the folder of the texts and of the tokenizer's two files; without it, `folder`/wikitext103.

    Raises:
        DataError: as `load`.
    """
    cache = _cache(folder)
    read_or_build(cache, lambda: _encode(source or folder / "wikitext103"))
    progress(cache.stat().st_size, cache.stat().st_size)
    return cache


def _cache(folder: Path) -> Path:
    return folder / "wikitext103" / "gpt2.npz"


def _encode(source: Path) -> Arrays:
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    except ImportError as error:
        raise DataError("The tokenizer is missing; install it with `pip install 'sparseift[data]'`.") from error
    texts = {name: _find(source, file) for name, file in PARTS.items()}
    vocabulary, merges = _tokenizer_files(source)
    try:
        tokenizer = Tokenizer(models.BPE.from_file(str(vocabulary), str(merges)))
    except Exception as error:  # the parser's errors have no class of their own
        raise DataError(f"{vocabulary} and {merges} are no tokenizer of GPT-2 ({error}).") from error
    if tokenizer.get_vocab_size() != VOCABULARY:
        raise DataError(f"{vocabulary} has {tokenizer.get_vocab_size()} tokens; GPT-2's has {VOCABULARY}.")
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()

    def tokens(path: Path) -> Iterator[NDArray[np.uint16]]:
        for lines in _lines(path):
            yield from (np.array(e.ids, dtype=np.uint16) for e in tokenizer.encode_batch(lines))

    arrays: Arrays = {}
    for name, path in texts.items():
        arrays[name] = np.concatenate([np.zeros(0, dtype=np.uint16), *tokens(path)])
        arrays[f"{name}_bytes"] = np.array(path.stat().st_size, dtype=np.int64)
    return arrays


def _lines(path: Path) -> Iterator[list[str]]:
    """The text with its line ends, some thousand lines at once."""
    with path.open(encoding="utf-8", newline="") as file:
        while lines := file.readlines(LINES * 100):
            yield lines


def _find(source: Path, name: str) -> Path:
    for path in (source / name, source / FOLDER / name):
        if path.is_file():
            return path
    raise DataError(
        f"{name} is not in {source}, and no package registry has WikiText-103; put its raw texts there, and run "
        "`sparseift data fetch wikitext103 --from FOLDER`."
    )


def _tokenizer_files(source: Path) -> tuple[Path, Path]:
    for vocabulary, merges in TOKENIZERS:
        if (source / vocabulary).is_file() and (source / merges).is_file():
            return source / vocabulary, source / merges
    shown = " or ".join(" and ".join(names) for names in TOKENIZERS)
    raise DataError(f"GPT-2's tokenizer is not in {source}; put {shown} beside the texts.")


WIKITEXT103 = DatasetCard(
    name="wikitext103",
    summary="WikiText-103 as tokens of GPT-2's BPE, from your own copies of the raw texts and of the tokenizer.",
    task="text",
    metric=Metric("bits_per_byte", "bits/byte", "minimize"),
    arguments=(Argument("context", 1024, 8, 2048, "T, tokens per training sequence"),),
    shape=shape,
    load="sparseift.datasets.wikitext103:load",
    fetch="sparseift.datasets.wikitext103:fetch",
    licence="CC BY-SA 3.0",
    source="Merity et al. 2017, arXiv 1609.07843",
    size_bytes=0,
)
