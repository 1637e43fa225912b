"""The models of the catalog: names, arguments and what stays dense, without importing torch."""

from dataclasses import replace

from sparseift.cards import Argument, ModelCard

_HE = "He et al. 2016, arXiv 1512.03385"

MLP = ModelCard(
    name="mlp",
    summary="Multi-layer perceptron: `depth` hidden layers of `width` units with batch norm, dense stem and head.",
    task="images",
    build="sparseift.models.mlp:build",
    arguments=(
        Argument("width", 256, 1, 65536, "units of each hidden layer"),
        Argument("depth", 3, 2, 64, "hidden layers, the stem's included"),
    ),
    width="width",
    width_multiple=None,
    dense=("stem", "head"),
    mask_only=(),
    source="Rumelhart, Hinton and Williams 1986",
)

RESNET = ModelCard(
    name="resnet",
    summary="CIFAR-style ResNet of basic blocks: 3x3 stem, `stages` stages of `blocks` blocks, widths w, 2w, 4w, …",
    task="images",
    build="sparseift.models.resnet:build",
    arguments=(
        Argument("width", 16, 1, 4096, "channels of the first stage; each further stage has twice as many"),
        Argument("stages", 3, 1, 4, "stages; each but the first halves the image"),
        Argument("blocks", 1, 1, 18, "basic blocks in each stage"),
    ),
    width="width",
    width_multiple=None,
    dense=("stem.*", "head"),
    mask_only=("*.shortcut.*",),
    source=_HE,
)

RESNET18 = ModelCard(
    name="resnet18",
    summary="ResNet-18 with a CIFAR stem (or ImageNet's): 11.2M parameters at width 64.",
    task="images",
    build="sparseift.models.resnet:build_resnet18",
    arguments=(
        Argument("width", 64, 1, 4096, "channels of the first stage; 2, 4 and 8 times as many in the others"),
        Argument("imagenet_stem", 0, 0, 1, "0: 3x3 stem for small images; 1: 7x7 stem of stride 2 and a max-pool"),
    ),
    width="width",
    width_multiple=None,
    dense=("stem.*", "head"),
    mask_only=("*.shortcut.*",),
    source=_HE,
)

RESNET34 = replace(
    RESNET18,
    name="resnet34",
    summary="ResNet-34 with a CIFAR stem (or ImageNet's): 21.3M parameters at width 64.",
    build="sparseift.models.resnet:build_resnet34",
)


def _gpt_arguments(width: int, layers: int, heads: int, dropout: float) -> tuple[Argument, ...]:
    return (
        Argument("width", width, 1, 16384, "model dimension, a multiple of `heads`"),
        Argument("layers", layers, 1, 96, "decoder blocks"),
        Argument("heads", heads, 1, 128, "attention heads; a wider model keeps them and widens each head"),
        Argument("dropout", dropout, 0.0, 0.9, "probability, on embeddings, attention and both residual branches"),
    )


GPT = ModelCard(
    name="gpt",
    summary="GPT: pre-norm decoder, learned positions, tied head; context and vocabulary come from the data set.",
    task="text",
    build="sparseift.models.gpt:build",
    arguments=_gpt_arguments(width=128, layers=4, heads=4, dropout=0.0),
    width="width",
    width_multiple="heads",
    dense=("token_embedding", "position_embedding"),
    mask_only=(),
    source="Radford et al. 2019 (GPT-2); Brown et al. 2020, arXiv 2005.14165 (GPT-3 Small)",
)

GPT3_SMALL = replace(
    GPT,
    name="gpt3-small",
    summary="GPT-3 Small: 12 layers, width 768, 12 heads, dropout .1; context and vocabulary come from the data set.",
    arguments=_gpt_arguments(width=768, layers=12, heads=12, dropout=0.1),
)
