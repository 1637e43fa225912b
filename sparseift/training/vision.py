"""Training an image classifier: SGD on cropped and flipped images, read top to bottom.

`batches` says which images a step sees and how they are cropped; here they are normalised and learnt. Validation and
test images are never augmented.
"""

from contextlib import closing

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparseift.datasets.splits import Images, Splits
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.trainer import MaskTrainer
from sparseift.records import derive_seed
from sparseift.training.batches import batches, normalisation, source_of, unchanged
from sparseift.training.journal import Journal
from sparseift.training.recipes import VisionRecipe


def train(
    model: nn.Module,
    splits: Splits[Images],
    recipe: VisionRecipe,
    journal: Journal,
    *,
    schedule: MaskSchedule,
    seed: int,
    device: torch.device,
    evaluate_test: bool,
) -> tuple[float, float | None]:
    """Train `model` in place.

    Args:
        model: from (B, C, H, W) floats to (B, classes) logits; its masks, if any, are moved by `schedule`.
        seed: of the batches; dropout draws from torch's global generator.

    Returns:
        Accuracy (%) on the validation split after the last step, and on the test split where asked for.

    Raises:
        Diverged, Stopped, CheckpointError: see `Journal`. DataError, InvalidValue: see `batches`.
    """
    # The device, and a form of the weights that its convolutions like.
    on_cuda = device.type == "cuda"
    layout = torch.channels_last if on_cuda else torch.contiguous_format
    model.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    network = torch.compile(model) if recipe.compile else model
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=on_cuda and recipe.bf16)

    # Data: what a step sees is for `batches` to say.
    side = splits.shape.input_shape[1], splits.shape.input_shape[2]
    source = source_of(splits.train, device)
    mean, scale = normalisation(source)

    def shown(images: Tensor) -> Tensor:  # (B, C, height, width), normalised in the layout
        return images.float().sub_(mean).mul_(scale).contiguous(memory_format=layout)

    # Optimizer and masks. Nothing here knows whether the model is sparse; the trainer hooks onto the optimizer.
    undecayed = {p for p in model.parameters() if p.ndim < 2 and not recipe.decay_norms_and_biases}
    optimizer = torch.optim.SGD(
        [
            {"params": [p for p in model.parameters() if p not in undecayed], "weight_decay": recipe.weight_decay},
            {"params": [p for p in model.parameters() if p in undecayed], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        fused=True,
    )
    masks = MaskTrainer(model, optimizer, schedule, journal.total_steps, derive_seed(seed, "growth"))
    first = journal.begin(model, optimizer, masks, device)

    def accuracy(split: Images) -> float:
        model.eval()
        hits = torch.zeros((), dtype=torch.int64, device=device)
        with torch.no_grad(), autocast:
            for images, truth in unchanged(split, side, device):
                hits += (network(shown(images)).argmax(1) == truth).sum()
        model.train()
        return 100.0 * hits.item() / len(split.labels)

    model.train()
    value = None
    total = journal.total_steps
    feed = batches(source, recipe, side=side, mirrored=splits.mirrored, seed=seed, first=first, total_steps=total)
    with closing(feed):  # a thread may be reading ahead
        for step, (images, truth) in enumerate(feed, first):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate_at(step, total)
            with autocast:
                logits = network(shown(images))
                loss = F.cross_entropy(logits, truth, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()  # then the masks: projection, and an update when it is due

            value = accuracy(splits.validation) if journal.is_evaluation(step + 1) else None
            journal.after_step(step + 1, loss, value)

    if value is None:  # resumed from the last checkpoint: nothing was left to train
        value = accuracy(splits.validation)
    return value, accuracy(splits.test) if evaluate_test else None
