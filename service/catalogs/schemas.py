"""The JSON of the catalogs."""

from pydantic import BaseModel, Field

from service.jobs.schemas import MetricView


class ArgumentView(BaseModel):
    """A numeric argument: inclusive range and default."""

    name: str
    default: int | float
    low: int | float
    high: int | float
    summary: str


class FamilyView(BaseModel):
    """A Sparse Iso-FLOP Transformation."""

    name: str
    title: str
    summary: str
    formula: str = Field(description="The scale of the paper's figure.")
    widens_network: bool = Field(description="Whether all widths grow, instead of single layers becoming blocks.")


class ModelView(BaseModel):
    """A model family."""

    name: str
    summary: str
    task: str = Field(description="Which data it takes.")
    arguments: list[ArgumentView]
    width: str = Field(description="The argument that Sparse Wide multiplies.")
    width_multiple: str | None = Field(description="Widths are multiples of this argument's value; null: of 1.")
    dense: list[str] = Field(description="Modules that stay dense, as patterns of their names.")
    mask_only: list[str] = Field(description="Modules that are masked but not transformed, likewise.")
    source: str = Field(description="Where the architecture is defined.")


class ShapeView(BaseModel):
    """What a model must know of its data."""

    input_shape: list[int] = Field(description="One sample: (C, H, W) of images, (T,) tokens of text.")
    outputs: int = Field(description="Classes, or size of the vocabulary.")
    train_samples: int


class DatasetView(BaseModel):
    """A data set."""

    name: str
    summary: str
    task: str
    metric: MetricView
    arguments: list[ArgumentView]
    shape: ShapeView = Field(description="With every argument at its default.")
    needs_fetching: bool = Field(description="Whether the worker's machine must fetch it first.")
    size_bytes: int = Field(description="Of the download; 0 for none.")
    licence: str
    source: str


class FamilyList(BaseModel):
    """Every family."""

    items: list[FamilyView]


class ModelList(BaseModel):
    """Every model."""

    items: list[ModelView]


class DatasetList(BaseModel):
    """Every data set."""

    items: list[DatasetView]
