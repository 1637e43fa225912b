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

RESNET50 = replace(
    RESNET18,
    name="resnet50",
    summary="ResNet-50 of bottleneck blocks with a CIFAR stem (or ImageNet's): 23.5M parameters at width 64.",
    build="sparseift.models.resnet:build_resnet50",
)

MOBILENETV2 = ModelCard(
    name="mobilenetv2",
    summary="MobileNetV2 with CIFAR strides (or ImageNet's): 2.2M parameters at width 32; depthwise layers stay dense.",
    task="images",
    build="sparseift.models.mobilenet:build",
    arguments=(
        Argument("width", 32, 1, 4096, "channels of the stem; all other layers have theirs in proportion"),
        Argument("imagenet_strides", 0, 0, 1, "0: images shrink to 1/8, for small ones; 1: to 1/32"),
    ),
    width="width",
    width_multiple=None,
    dense=("stem.*", "*.depthwise", "head"),
    mask_only=(),
    source="Sandler et al. 2018, arXiv 1801.04381",
)


def _vit_arguments(width: int, layers: int, heads: int, patch: int) -> tuple[Argument, ...]:
    return (
        Argument("width", width, 1, 16384, "model dimension, a multiple of `heads`"),
        Argument("layers", layers, 1, 96, "encoder blocks"),
        Argument("heads", heads, 1, 128, "attention heads; a wider model keeps them and widens each head"),
        Argument("patch", patch, 1, 64, "side of a patch in pixels; it divides the image's"),
    )


VIT = ModelCard(
    name="vit",
    summary="Vision transformer: patches, a class token, learned positions, pre-norm blocks; small by default.",
    task="images",
    build="sparseift.models.vit:build",
    arguments=_vit_arguments(width=128, layers=4, heads=4, patch=4),
    width="width",
    width_multiple="heads",
    dense=("patches", "head"),
    mask_only=(),
    source="Dosovitskiy et al. 2021, arXiv 2010.11929; sizes Ti and S from Touvron et al. 2021, arXiv 2012.12877",
)

VIT_TI = replace(
    VIT,
    name="vit-ti",
    summary="ViT-Ti/16: 12 layers, width 192, 3 heads; 5.7M parameters at 224x224 with 1000 classes.",
    arguments=_vit_arguments(width=192, layers=12, heads=3, patch=16),
)

VIT_S = replace(
    VIT,
    name="vit-s",
    summary="ViT-S/16: 12 layers, width 384, 6 heads; 22.1M parameters at 224x224 with 1000 classes.",
    arguments=_vit_arguments(width=384, layers=12, heads=6, patch=16),
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
