"""/v1/families, /v1/models, /v1/datasets: what a job may name."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path

from service import problems
from service.catalogs.schemas import (
    ArgumentView,
    DatasetList,
    DatasetView,
    FamilyList,
    FamilyView,
    ModelList,
    ModelView,
    ShapeView,
)
from service.jobs.schemas import MetricView
from sparseift import catalog
from sparseift.cards import Argument, DatasetCard, ModelCard
from sparseift.errors import UnknownName
from sparseift.families.family import Family
from sparseift.records import DataShape

router = APIRouter(prefix="/v1", tags=["catalogs"])

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
NOT_FOUND = problems.documented("not-found")


@router.get("/families", response_model=FamilyList, summary="The families")
def list_families() -> FamilyList:
    """What a dense layer may become."""
    return FamilyList(items=[family(name) for name in catalog.table("family")])


@router.get("/families/{name}", response_model=FamilyView, summary="A family", responses=NOT_FOUND)
def show_family(name: Name) -> FamilyView:
    """Its formula, in words."""
    found(name, "family")
    return family(name)


@router.get("/models", response_model=ModelList, summary="The models")
def list_models() -> ModelList:
    """The operator's own included."""
    return ModelList(items=[model(name) for name in catalog.table("model")])


@router.get("/models/{name}", response_model=ModelView, summary="A model", responses=NOT_FOUND)
def show_model(name: Name) -> ModelView:
    """Its arguments with ranges and defaults."""
    found(name, "model")
    return model(name)


@router.get("/datasets", response_model=DatasetList, summary="The data sets")
def list_datasets() -> DatasetList:
    """The operator's own included."""
    return DatasetList(items=[dataset(name) for name in catalog.table("dataset")])


@router.get("/datasets/{name}", response_model=DatasetView, summary="A data set", responses=NOT_FOUND)
def show_dataset(name: Name) -> DatasetView:
    """What it measures, where it comes from."""
    found(name, "dataset")
    return dataset(name)


def found(name: str, kind: str) -> None:
    """A name in an address that no catalog holds is not found; in a job it is the job that is wrong.

    Raises:
        Refused: not found, with the known names.
    """
    known = catalog.table(kind)
    if name not in known:
        sentence = str(UnknownName({"dataset": "data set"}.get(kind, kind), name, known))
        raise problems.Refused("not-found", sentence, known=list(known))


def family(name: str) -> FamilyView:
    """A family as it is shown."""
    card: Family = catalog.get("family", name)
    return FamilyView(
        name=name, title=card.title, summary=card.summary, formula=card.formula, widens_network=card.size is None
    )


def model(name: str) -> ModelView:
    """A model as it is shown."""
    card: ModelCard = catalog.get("model", name)
    return ModelView(
        name=name,
        summary=card.summary,
        task=card.task,
        arguments=arguments(card.arguments),
        width=card.width,
        width_multiple=card.width_multiple,
        dense=list(card.dense),
        mask_only=list(card.mask_only),
        source=card.source,
    )


def dataset(name: str) -> DatasetView:
    """A data set as it is shown."""
    card: DatasetCard = catalog.get("dataset", name)
    return DatasetView(
        name=name,
        summary=card.summary,
        task=card.task,
        metric=MetricView(**asdict(card.metric)),
        arguments=arguments(card.arguments),
        shape=shape(card.shape(card.resolve({}))),
        needs_fetching=card.fetch is not None,
        size_bytes=card.size_bytes,
        licence=card.licence,
        source=card.source,
    )


def shape(of: DataShape) -> ShapeView:
    """A data set's shape."""
    return ShapeView(input_shape=list(of.input_shape), outputs=of.outputs, train_samples=of.train_samples)


def arguments(declared: tuple[Argument, ...]) -> list[ArgumentView]:
    """A card's arguments."""
    return [ArgumentView(**asdict(a)) for a in declared]
