"""How fast the trainings that are stored ran: what an estimate of another one's time rests on."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from store.tables import Job, Trial

JOBS = 20  # the newest that are looked at
TRIALS = 101  # of them, the newest

Basis = Literal["model_and_dataset", "model", "dataset", "none"]


@dataclass(frozen=True, slots=True)
class Rates:
    """Speeds of complete trials.

    Attributes:
        basis: what they share with the training in question: the nearest that there is.
        flops_per_s: executed training FLOPs (3 · executed forward · samples) per second of one slot, newest first.
    """

    basis: Basis
    flops_per_s: tuple[float, ...] = ()


def measured(session: Session, model: str, dataset: str, project: str | None) -> Rates:
    """Speeds on the same model and data set; else on the same model; else on the same data set.

    Args:
        model, dataset: catalog names, whatever their arguments.
        project: whose jobs are looked at; None: everybody's.
    """
    same_model = Job.spec["model"]["name"].as_string() == model
    same_dataset = Job.spec["dataset"]["name"].as_string() == dataset
    conditions: tuple[tuple[Basis, ColumnElement[bool]], ...] = (
        ("model_and_dataset", same_model & same_dataset),
        ("model", same_model),
        ("dataset", same_dataset),
    )
    for basis, condition in conditions:
        found = _of(session, condition, project)
        if found:
            return Rates(basis, found)
    return Rates("none")


def _of(session: Session, condition: ColumnElement[bool], project: str | None) -> tuple[float, ...]:
    newest = select(Job.id).where(condition, Job.started_at_s.is_not(None)).order_by(Job.id.desc()).limit(JOBS)
    if project is not None:
        newest = newest.where(Job.project == project)
    samples = Job.plan["total_steps"].as_integer() * Job.plan["batch_size"].as_integer()
    query = (
        select(Trial.executed_flops_per_sample, samples, Trial.training_seconds)
        .join(Job, Trial.job_id == Job.id)
        .where(Job.id.in_(newest), Trial.state == "complete", Trial.training_seconds > 0.0)
        .where(Trial.executed_flops_per_sample.is_not(None))
        .order_by(Trial.id.desc())
        .limit(TRIALS)
    )
    return tuple(3.0 * flops * count / seconds for flops, count, seconds in session.execute(query))
