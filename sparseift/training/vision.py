"""Training an image classifier: SGD on cropped and flipped images, read top to bottom.

Images stay on the device as uint8, padded once; a batch is one indexed read of a sliding-window view (about 110,000
images per CPU second), normalised there. The order of images and their crops are functions of (seed, epoch) alone, so a
resumed run needs no loader state, and dense and sparse runs of one seed see the same batches.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparseift.datasets.splits import Images, Splits
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.trainer import MaskTrainer
from sparseift.records import derive_seed
from sparseift.training.journal import Journal
from sparseift.training.recipes import VisionRecipe

EVALUATION_BATCH = 500  # images


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
        Diverged, Stopped, CheckpointError: see `Journal`.
    """
    # The device, and a form of the weights that its convolutions like.
    on_cuda = device.type == "cuda"
    layout = torch.channels_last if on_cuda else torch.contiguous_format
    model.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    network = torch.compile(model) if recipe.compile else model
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=on_cuda and recipe.bf16)

    # Data: pixels of the training part padded once; (N, C, 2p + 1, 2p + 1, H, W) is a view of every crop.
    pixels = torch.from_numpy(splits.train.pixels).to(device)
    labels = torch.from_numpy(splits.train.labels).to(device)
    samples, _, height, width = pixels.shape
    padding = round(recipe.crop_padding_fraction * height)
    mean, scale = _normalisation(pixels)
    crops = F.pad(pixels, (padding,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    flips_on = recipe.flip and splits.mirrored
    steps_per_epoch = recipe.steps_per_epoch(samples)

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
            for at in range(0, len(split.labels), EVALUATION_BATCH):
                batch = torch.from_numpy(split.pixels[at : at + EVALUATION_BATCH]).to(device)
                images = batch.float().sub_(mean).mul_(scale).contiguous(memory_format=layout)
                truth = torch.from_numpy(split.labels[at : at + EVALUATION_BATCH]).to(device)
                hits += (network(images).argmax(1) == truth).sum()
        model.train()
        return 100.0 * hits.item() / len(split.labels)

    model.train()
    value = None
    for step in range(first, journal.total_steps):
        # A new epoch: the order, and each image's crop and flip.
        epoch, position = divmod(step, steps_per_epoch)
        if position == 0 or step == first:
            draw = torch.Generator().manual_seed(derive_seed(seed, "epoch", epoch))
            order = torch.randperm(samples, generator=draw).to(device)
            tops, lefts = torch.randint(2 * padding + 1, (2, samples), generator=draw).to(device)
            flips = (torch.rand(samples, generator=draw) < 0.5).to(device)

        # The batch.
        chosen = order[position * recipe.batch_size : (position + 1) * recipe.batch_size]
        images = crops[chosen, :, tops[chosen], lefts[chosen]].float().sub_(mean).mul_(scale)  # (B, C, H, W)
        if flips_on:
            images = torch.where(flips[chosen][:, None, None, None], images.flip(3), images)

        # The step.
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(step, journal.total_steps)
        with autocast:
            logits = network(images.contiguous(memory_format=layout))
            loss = F.cross_entropy(logits, labels[chosen], label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()  # then the masks: projection, and an update when it is due

        value = accuracy(splits.validation) if journal.is_evaluation(step + 1) else None
        journal.after_step(step + 1, loss, value)

    if value is None:  # resumed from the last checkpoint: nothing was left to train
        value = accuracy(splits.validation)
    return value, accuracy(splits.test) if evaluate_test else None


def _normalisation(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and 1 / standard deviation per channel of (N, C, H, W) bytes, each (C, 1, 1)."""
    counts = torch.stack([torch.bincount(channel.flatten(), minlength=256) for channel in pixels.transpose(0, 1)])
    values = torch.arange(256, dtype=torch.float64, device=pixels.device)
    weights = counts.double() / counts.sum(1, keepdim=True)  # (C, 256)
    mean = weights @ values
    variance = weights @ values.square() - mean.square()
    scale = variance.clamp_min(1e-4).rsqrt()
    return mean.float()[:, None, None], scale.float()[:, None, None]
