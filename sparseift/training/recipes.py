"""Training hyper-parameters: one recipe for vision, one for language. No torch here.

Nothing in a recipe knows whether the model is dense or sparse: that is the method's claim. The defaults are the paper's
for CIFAR and GPT-3 Small, but for the length of a language run and its batch, which are small enough to try.
"""

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any

from sparseift.errors import InvalidValue, UnknownName
from sparseift.training.schedules import cosine, milestones, warmup
from sparseift.values import as_number, check_range

SCHEDULES = ("milestones", "cosine")


def _between(default: float, low: float, high: float) -> Any:
    """A number's field: default and inclusive range."""
    return dataclasses.field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True, slots=True)
class VisionRecipe:
    """SGD with momentum on randomly cropped and flipped images (by default CIFAR's, as the official code trains).

    Attributes:
        epochs: passes over the training images; an incomplete last batch is dropped and reshuffled.
        batch_size: images per step.
        learning_rate: the peak. schedule: "milestones" (× milestone_factor at each milestone) or "cosine" (to 0).
        warmup_fraction: of the steps, linear.
        milestone_fractions: of the steps, ascending.
        weight_decay: on weights; on norms and biases too where `decay_norms_and_biases`.
        label_smoothing: in [0, 1).
        crop_padding_fraction: of the image's side (.125 is 4 pixels of 32); 0 crops nothing.
        resized_crop_area: where not 0, crops of random area and aspect are resized, and nothing is padded: the smallest
            area as a fraction of the image's (.08 for ImageNet, `sparseift.training.crops`).
        flip: mirror half of the images, where the data set says that mirror images keep their class.
        bf16: autocast to bfloat16 on CUDA; CPU always computes in float32.
        compile: torch.compile the forward pass.
        reports, evaluations, checkpoints: how often in a run, evenly, the last at its end; checkpoints may be 0.
    """

    epochs: int = _between(200, 1, 100_000)
    batch_size: int = _between(128, 1, 1_000_000)
    learning_rate: float = _between(0.1, 1e-8, 100.0)
    momentum: float = _between(0.9, 0.0, 0.9999)
    nesterov: bool = True
    weight_decay: float = _between(5e-4, 0.0, 10.0)
    decay_norms_and_biases: bool = True
    schedule: str = "milestones"
    warmup_fraction: float = _between(0.0, 0.0, 0.9)
    milestone_fractions: tuple[float, ...] = (0.3, 0.6, 0.8)
    milestone_factor: float = _between(0.2, 1e-6, 1.0)
    label_smoothing: float = _between(0.0, 0.0, 0.99)
    crop_padding_fraction: float = _between(0.125, 0.0, 0.5)
    resized_crop_area: float = _between(0.0, 0.0, 1.0)
    flip: bool = True
    bf16: bool = True
    compile: bool = False
    reports: int = _between(50, 1, 10_000)
    evaluations: int = _between(10, 1, 10_000)
    checkpoints: int = _between(10, 0, 10_000)

    def __post_init__(self) -> None:
        _check_ranges(self)
        if self.schedule not in SCHEDULES:
            raise UnknownName("learning-rate schedule", self.schedule, SCHEDULES)
        stones = self.milestone_fractions
        if list(stones) != sorted(set(stones)) or not all(0.0 < stone < 1.0 for stone in stones):
            raise InvalidValue(f"milestone_fractions is {list(stones)}; it must rise within (0, 1).")
        if self.nesterov and self.momentum == 0.0:
            raise InvalidValue("momentum is 0; with nesterov it must be positive.")

    def steps_per_epoch(self, train_samples: int) -> int:
        """Optimizer steps per pass over the data.

        Raises:
            InvalidValue: there is not one full batch.
        """
        if train_samples < self.batch_size:
            raise InvalidValue(f"batch_size is {self.batch_size}; the data set has only {train_samples} samples.")
        return train_samples // self.batch_size

    def total_steps(self, train_samples: int) -> int:
        """Optimizer steps of a run; errors as `steps_per_epoch`."""
        return self.epochs * self.steps_per_epoch(train_samples)

    def learning_rate_at(self, step: int, total_steps: int) -> float:
        """The rate of the `step`-th step, 0-based."""
        warmup_steps = round(self.warmup_fraction * total_steps)
        peak = self.learning_rate * warmup(step, warmup_steps)
        if self.schedule == "cosine":
            return peak * cosine(step, total_steps, warmup_steps, final=0.0)
        return peak * milestones(step, total_steps, self.milestone_fractions, self.milestone_factor)


@dataclass(frozen=True, slots=True)
class LanguageRecipe:
    """AdamW with linear warm-up and a cosine, gradients clipped by norm (GPT-3 Small, as the model zoo trains).

    Attributes:
        steps: optimizer steps. batch_size: sequences per step.
        learning_rate: the peak; warmup_fraction: of the steps; final_learning_rate_fraction: of the peak, at the end.
        beta1, beta2, weight_decay: AdamW's; matrices decay, norms and biases do not.
        clip_norm: largest norm of the gradient of active weights; 0 clips nothing.
        bf16, compile, reports, evaluations, checkpoints: as in VisionRecipe.
    """

    steps: int = _between(2_000, 1, 100_000_000)
    batch_size: int = _between(32, 1, 1_000_000)
    learning_rate: float = _between(6e-4, 1e-8, 10.0)
    warmup_fraction: float = _between(0.1, 0.0, 0.9)
    final_learning_rate_fraction: float = _between(0.1, 0.0, 1.0)
    beta1: float = _between(0.9, 0.0, 0.9999)
    beta2: float = _between(0.95, 0.0, 0.99999)
    weight_decay: float = _between(0.1, 0.0, 10.0)
    clip_norm: float = _between(1.0, 0.0, 1e6)
    bf16: bool = True
    compile: bool = False
    reports: int = _between(50, 1, 10_000)
    evaluations: int = _between(10, 1, 10_000)
    checkpoints: int = _between(10, 0, 10_000)

    def __post_init__(self) -> None:
        _check_ranges(self)

    def total_steps(self, train_samples: int) -> int:
        """Optimizer steps of a run; however long, there must be one full batch.

        Raises:
            InvalidValue: there is not.
        """
        if train_samples < self.batch_size:
            raise InvalidValue(f"batch_size is {self.batch_size}; the data set has only {train_samples} windows.")
        return self.steps

    def learning_rate_at(self, step: int, total_steps: int) -> float:
        """The rate of the `step`-th step, 0-based."""
        warmup_steps = round(self.warmup_fraction * total_steps)
        fall = cosine(step, total_steps, warmup_steps, final=self.final_learning_rate_fraction)
        return self.learning_rate * warmup(step, warmup_steps) * fall


Recipe = VisionRecipe | LanguageRecipe
RECIPES: dict[str, type[VisionRecipe] | type[LanguageRecipe]] = {"images": VisionRecipe, "text": LanguageRecipe}


def resolve(task: str, overrides: dict[str, Any]) -> Recipe:
    """The task's recipe with some fields overridden, as a job's `training` gives them (plain JSON values).

    Raises:
        UnknownName: a task or field that does not exist.
        InvalidValue: a value of another type or outside its range.
    """
    if task not in RECIPES:
        raise UnknownName("task", task, RECIPES)
    recipe = RECIPES[task]
    types = typing.get_type_hints(recipe)
    for name in overrides:
        if name not in types:
            raise UnknownName(f"training setting for {task}", name, types)
    return recipe(**{name: _convert(name, value, types[name]) for name, value in overrides.items()})


def _convert(name: str, value: Any, kind: Any) -> Any:
    """A JSON value as the field's type."""
    if kind is int:
        return as_number(name, value, int)
    if kind is float:
        return as_number(name, value, float)
    if kind in (bool, str) and isinstance(value, kind):
        return value
    if typing.get_origin(kind) is tuple and isinstance(value, list | tuple):
        return tuple(as_number(name, item, float) for item in value)
    wanted = {bool: "true or false", str: "a text"}.get(kind, "a list of numbers")
    raise InvalidValue(f"{name} is {value!r}; it must be {wanted}.")


def _check_ranges(recipe: Recipe) -> None:
    for field in dataclasses.fields(recipe):
        if "range" in field.metadata:
            check_range(field.name, getattr(recipe, field.name), *field.metadata["range"])
