"""Sparse Wide for Hugging Face models, by their configs: `pip install sparseift[huggingface]`.

A wider config keeps layers, heads and key-value heads; hidden, feed-forward and head dimensions grow together, and
norms follow. The model is built from that config with fresh weights: nothing is downloaded, no trained weight is read.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

from torch import nn

from sparseift.errors import InvalidValue
from sparseift.layers import Rule
from sparseift.widener import Widener


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a config of one `model_type` calls its dimensions.

    Attributes:
        width: the attribute that holds the hidden size.
        scaled: attributes in proportion to it, numbers or lists of them; where None, the model derives them itself.
        heads: the attribute that holds the number of attention heads, of which the hidden size stays a multiple.
        is_rotary: whether positions rotate pairs of a head's dimensions, so that the head dimension must be even.
        rules: roles of its layers. Only the blocks are transformed: embeddings, stem, pooler and every head stay dense,
            whichever of them a class for a task has.
    """

    width: str
    scaled: tuple[str, ...]
    heads: str | None
    is_rotary: bool
    rules: tuple[Rule, ...]


BLOCKS = "*layer*.[0-9]*.*"  # "encoder.layer.0.…" or "model.layers.0.…"
TRANSFORMER: tuple[Rule, ...] = ((BLOCKS, "transform"), ("*", "dense"))
LLAMA = Architecture("hidden_size", ("intermediate_size", "head_dim"), "num_attention_heads", True, TRANSFORMER)
BERT = Architecture("hidden_size", ("intermediate_size",), "num_attention_heads", False, TRANSFORMER)
ARCHITECTURES = {
    "bert": BERT,
    "gpt2": Architecture("n_embd", ("n_inner",), "n_head", False, (("*h.[0-9]*.*", "transform"), ("*", "dense"))),
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen2": LLAMA,
    "qwen3": LLAMA,
    "resnet": Architecture(
        "embedding_size",
        ("hidden_sizes",),
        None,
        False,
        (("*shortcut*", "mask"), ("*stages.[0-9]*.*", "transform"), ("*", "dense")),
    ),
    "vit": BERT,
}


def is_one(source: object) -> bool:
    """Whether something is a Hugging Face model or config; imports no transformers to find out."""
    return _is_config(source) or _is_model(source)


def widener(source: Any, model_class: Callable[[Any], nn.Module] | None = None) -> Widener:
    """How a Hugging Face model is built at another width.

    Args:
        source: a model, of which only config, class, dtype and mode are read; or a config.
        model_class: what to build from a config; None takes the class that the config's `architectures` names first.

    Raises:
        InvalidValue: a source that is neither, a `model_type` that is not in `ARCHITECTURES`, or a config that names no
            class.

    Example:
        >>> import torch, sparseift
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_positions=16, n_embd=32, n_layer=1, n_head=2))
        >>> wide, point = sparseift.widen(model, 0.75, {"input_ids": torch.zeros(1, 16, dtype=torch.int64)})
        >>> wide.config.n_embd, f"{point.flop_ratio:.3f}"
        (64, '1.000')
    """
    if not is_one(source):
        raise InvalidValue(f"{type(source).__name__} is no Hugging Face model or config.")
    is_config = _is_config(source)
    config, dtype, training = (
        (source, source.dtype, True) if is_config else (source.config, source.dtype, source.training)
    )
    architecture = architecture_of(config)
    make = (model_class or _class_of(config)) if is_config else type(source)
    width = getattr(config, architecture.width)

    def build(wide: int) -> nn.Module:
        model: nn.Module = make(scaled(config, wide)).train(training)
        return model if dtype is None else model.to(dtype)

    return Widener(build, width, _multiple(config, architecture), architecture.rules)


def rules_of(model: nn.Module) -> tuple[Rule, ...]:
    """The roles of the layers of a Hugging Face model by its `model_type`, and of those inside another model; none for
    anything else."""
    rules: list[Rule] = []
    outer: list[str] = []
    for name, module in model.named_modules():
        if not _is_model(module) or any(name.startswith(o) for o in outer):
            continue
        prefix = f"{name}." if name else ""
        outer.append(prefix)
        architecture = ARCHITECTURES.get(cast(Any, module.config).model_type)
        if architecture:
            rules += [(f"{prefix}{glob}", role) for glob, role in architecture.rules]
    return tuple(rules)


def architecture_of(config: Any) -> Architecture:
    """The record of a config's `model_type`.

    Raises:
        InvalidValue: there is none.
    """
    if config.model_type not in ARCHITECTURES:
        raise InvalidValue(
            f"The Hugging Face model type '{config.model_type}' has no record of what to widen; the known ones are "
            f"{', '.join(ARCHITECTURES)}. Pass a builder: widen(lambda width: …, s, example, width=…)."
        )
    return ARCHITECTURES[config.model_type]


def scaled(config: Any, width: int) -> Any:
    """A copy of a config at another hidden size, everything else in proportion and rounded to the nearest.

    Args:
        width: a multiple of the heads; of twice the heads where positions are rotary and hidden size / heads is the
            head dimension.

    Raises:
        InvalidValue: as `architecture_of`, or a width that is no such multiple.
    """
    architecture = architecture_of(config)
    if width % (multiple := _multiple(config, architecture)):
        raise InvalidValue(f"{architecture.width} is {width}; for this config it must be a multiple of {multiple}.")
    ratio = width / getattr(config, architecture.width)
    wide = deepcopy(config)
    for name in architecture.scaled:
        value = getattr(config, name, None)
        step = 2 if name == "head_dim" else 1
        if value is not None:
            new = [_nearest(v * ratio) for v in value] if isinstance(value, list) else _nearest(value * ratio, step)
            setattr(wide, name, new)
    setattr(wide, architecture.width, width)
    return wide


def _nearest(value: float, step: int = 1) -> int:
    return max(step, step * round(value / step))


def _multiple(config: Any, architecture: Architecture) -> int:
    """Of what the hidden size stays a multiple."""
    if architecture.heads is None:
        return 1
    heads: int = getattr(config, architecture.heads)
    per_head: int = getattr(config, architecture.width) // heads
    is_derived = (getattr(config, "head_dim", None) or per_head) == per_head
    return 2 * heads if architecture.is_rotary and is_derived else heads


def _class_of(config: Any) -> Callable[[Any], nn.Module]:
    import transformers

    names = config.architectures or ()
    found: Callable[[Any], nn.Module] | None = getattr(transformers, names[0], None) if names else None
    if found is None:
        raise InvalidValue(
            f"The config's architectures are {list(names)}; the first must name a class of transformers. "
            "Pass a model, or widen(sparseift.huggingface.widener(config, ModelClass), …)."
        )
    return found


def _is_config(source: object) -> bool:
    return _descends(source, "PreTrainedConfig", "PretrainedConfig")  # since transformers 5, and before


def _is_model(source: object) -> bool:
    return _descends(source, "PreTrainedModel")


def _descends(source: object, *names: str) -> bool:
    return any(c.__name__ in names and c.__module__.startswith("transformers.") for c in type(source).__mro__)
