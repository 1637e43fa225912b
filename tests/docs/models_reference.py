"""Writes docs/reference/models.md from plans on the meta device: `python tests/docs/models_reference.py`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sparseift import catalog
from sparseift.building import example_of
from sparseift.cards import ModelCard
from sparseift.errors import Infeasible, InvalidValue
from sparseift.example import Example
from sparseift.flops import count
from sparseift.layers import Rule
from sparseift.records import Arguments, DataShape, Point
from sparseift.transformation import plan_transform, roles_of
from sparseift.widening import Widener, plan_widen

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "models.md"
NOMINAL = 0.75
TOLERANCE = 1e-3  # of the dense model's FLOPs: what is further off is refused
HEAD = f"""# Models

What `transform` and `widen` make of known models at a nominal sparsity of {NOMINAL:g}. Where that is refused, the
reason stands there, and below it the nearest feasible sparsity. Made by `python tests/docs/models_reference.py` on the
meta device, without a byte of weights; a test compares the two.

*Layers*: transformed + masked only (1×1 shortcuts); a layer that packs q, k and v is one, and becomes three blocks.
*FLOPs*: of the whole forward pass, attention and head included, over the dense model's. *Parameters stored* are those
of the tensors, *non-zero* ones those that the masks leave."""
COLUMNS = "| | family | s nominal → solved | scale | layers | FLOPs / dense | parameters stored | non-zero |"
RULE = "| --- | --- | --- | --- | --- | --- | --- | --- |"


@dataclass(frozen=True, slots=True)
class Subject:
    """A model of the page.

    Attributes:
        build: the dense model, on the meta device.
        source: what is widened, from the built model.
        example: one sample; rules: as `transform` takes them.
    """

    title: str
    build: Callable[[], nn.Module]
    source: Callable[[nn.Module], Any]
    example: Example
    rules: tuple[Rule, ...]


def ours(title: str, name: str, shape: DataShape, **given: int) -> Subject:
    """A model of our catalog, widened by its width argument."""
    card: ModelCard = catalog.get("model", name)
    arguments: Arguments = card.resolve({**given})
    dense: tuple[Rule, ...] = tuple((glob, "dense") for glob in card.dense)
    rules = (*dense, *((glob, "mask") for glob in card.mask_only))

    def build(width: int) -> nn.Module:
        model: nn.Module = catalog.load(card.build)(shape, **{**arguments, card.width: width})
        return model

    width = int(arguments[card.width])
    multiple = int(arguments[card.width_multiple]) if card.width_multiple else 1
    widener = Widener(build, width, multiple)
    return Subject(title, lambda: build(width), lambda _: widener, example_of(shape), rules)


def hugging_face(title: str, model: str, config: str, example: Example, **given: int) -> Subject:
    """A model of transformers with its config's defaults, widened by its config."""

    def build() -> nn.Module:
        import transformers

        built: nn.Module = getattr(transformers, model)(getattr(transformers, config)(**given))
        return built

    return Subject(title, build, lambda built: built, example, ())


def by_graph(subject: Subject) -> Subject:
    """The same model, widened without its width argument."""
    return Subject(subject.title, subject.build, lambda built: built, subject.example, subject.rules)


def tokens(length: int) -> Example:
    """Token ids by keyword, (1, T)."""
    return {"input_ids": torch.zeros(1, length, dtype=torch.int64, device="meta")}


PIXELS = {"pixel_values": torch.zeros(1, 3, 224, 224, device="meta")}
IMAGENET = DataShape("images", (3, 224, 224), 1000, 1)
TEXT = DataShape("text", (1024,), 50257, 1)
OURS = (
    ours("ResNet-18, 224²", "resnet18", IMAGENET, imagenet_stem=1),
    ours("ResNet-34, 224²", "resnet34", IMAGENET, imagenet_stem=1),
    ours("ResNet-50, 224²", "resnet50", IMAGENET, imagenet_stem=1),
    ours("MobileNetV2, 224²", "mobilenetv2", IMAGENET, imagenet_strides=1),
    ours("ViT-S/16, 224²", "vit-s", IMAGENET),
    ours("GPT-3 Small, T = 1024", "gpt3-small", TEXT),
)
HUGGING_FACE = (
    hugging_face("GPT-2 small, T = 1024", "GPT2LMHeadModel", "GPT2Config", tokens(1024)),
    hugging_face("BERT base, classifier, T = 512", "BertForSequenceClassification", "BertConfig", tokens(512)),
    hugging_face("ViT-B/16, 224²", "ViTForImageClassification", "ViTConfig", PIXELS, num_labels=1000),
    hugging_face("ResNet-50, 224²", "ResNetForImageClassification", "ResNetConfig", PIXELS, num_labels=1000),
    hugging_face("Llama 7B, T = 2048", "LlamaForCausalLM", "LlamaConfig", tokens(2048)),
)
SMALL = DataShape("images", (3, 32, 32), 10, 1)
BY_GRAPH = (
    by_graph(ours("ResNet-18, 32²", "resnet18", SMALL)),
    by_graph(ours("MobileNetV2, 32²", "mobilenetv2", SMALL)),
    by_graph(ours("ViT, 32²", "vit", SMALL)),
    by_graph(ours("GPT, T = 64", "gpt", DataShape("text", (64,), 256, 1))),
)
SECTIONS = (
    ("Ours", "Wide by the width argument.", OURS, tuple(catalog.FAMILIES)),
    (
        "Hugging Face",
        "At the default sizes of their configs. Wide by the config.",
        HUGGING_FACE,
        tuple(catalog.FAMILIES),
    ),
    (
        "Built models, widened by their dependency graph",
        "What Torch-Pruning's graph cannot follow is refused.",
        BY_GRAPH,
        ("sparse_wide",),
    ),
)


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, text, subjects, families in SECTIONS:
        rows = [row for subject in subjects for row in section(subject, families)]
        parts.append(f"## {title}\n\n{text}\n\n" + "\n".join([COLUMNS, RULE, *rows]))
    return "\n\n".join(parts) + "\n"


def section(subject: Subject, families: tuple[str, ...]) -> Iterator[str]:
    """The rows of one model: dense, then each family."""
    with torch.device("meta"):
        model = subject.build()
    flops = count(model, subject.example).total
    parameters = f"{sum(p.numel() for p in model.parameters()):,}"
    yield f"| **{subject.title}** | dense, {flops / 1e9:,.3f} GFLOP | | | | 1 | {parameters} | {parameters} |"
    roles = roles_of(model, subject.example, subject.rules)
    layers = f"{len(roles.transform)} + {len(roles.mask_only)}"
    for family in families:
        yield from family_rows(subject, model, family, layers)


def family_rows(subject: Subject, model: nn.Module, family: str, layers: str) -> Iterator[str]:
    """The row at the nominal sparsity; where that is refused, the reason and a row at the nearest feasible one."""
    try:
        yield row(plan(subject, model, family, NOMINAL), layers)
    except InvalidValue as error:
        yield f"| | {family} | {NOMINAL:g} | refused: {error} | | | | |"
    except Infeasible as error:
        yield f"| | {family} | {NOMINAL:g} | refused: {error} | | | | |"
        if error.nearest:
            nearest = min(error.nearest, key=lambda s: abs(s - NOMINAL))
            yield row(plan(subject, model, family, nearest), layers)


def plan(subject: Subject, model: nn.Module, family: str, sparsity: float) -> Point:
    """What would be achieved."""
    if family == "sparse_wide":
        return plan_widen(subject.source(model), sparsity, subject.example, rules=subject.rules)
    return plan_transform(model, family, sparsity, subject.example, rules=subject.rules)


def row(point: Point, layers: str) -> str:
    """One point."""
    assert abs(point.flop_ratio - 1.0) <= TOLERANCE
    sparsity = f"{point.nominal_sparsity:g} → {point.sparsity:.4f}"
    numbers = f"{point.flop_ratio:.5f} | {point.parameters:,} | {point.nonzero_parameters:,}"
    return f"| | {point.family} | {sparsity} | {point.scale} | {layers} | {numbers} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
