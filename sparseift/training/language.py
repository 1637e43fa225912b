"""Training a language model: AdamW on windows of tokens, read top to bottom.

Tokens stay on the device; a batch is one indexed read of a sliding-window view. An epoch reads every token once:
windows of T tokens from an offset that changes with each epoch, shuffled, both functions of (seed, epoch) alone, so a
resumed run needs no loader state, and dense and sparse runs of one seed see the same batches.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sparseift.datasets.splits import Splits, Text
from sparseift.errors import InvalidValue
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.trainer import MaskTrainer
from sparseift.records import derive_seed
from sparseift.training.journal import Journal
from sparseift.training.recipes import LanguageRecipe

EVALUATION_TOKENS = 8192  # per batch


def train(
    model: nn.Module,
    splits: Splits[Text],
    recipe: LanguageRecipe,
    journal: Journal,
    *,
    schedule: MaskSchedule,
    seed: int,
    device: torch.device,
    evaluate_test: bool,
) -> tuple[float, float | None]:
    """Train `model` in place.

    Args:
        model: from (B, T) tokens to (B, T, vocabulary) logits; its masks, if any, are moved by `schedule`.
        seed: of the batches; dropout draws from torch's global generator.

    Returns:
        Bits per byte of text on the validation split after the last step, and on the test split where asked for.

    Raises:
        InvalidValue: a split is shorter than a batch, or than one window.
        Diverged, Stopped, CheckpointError: see `Journal`.
    """
    # The device.
    model.to(device)
    network = torch.compile(model) if recipe.compile else model
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" and recipe.bf16)

    # Data: (n - T, T + 1), a view of every window: T inputs and, one further, T targets.
    (context,) = splits.shape.input_shape
    tokens = _resident(splits.train, device)
    samples = len(tokens) // context - 1  # windows per epoch from any offset below T
    if samples < recipe.batch_size:
        raise InvalidValue(f"batch_size is {recipe.batch_size}; the data set has only {max(0, samples)} windows.")
    windows = tokens.unfold(0, context + 1, 1)
    steps_per_epoch = samples // recipe.batch_size

    # Optimizer and masks. Nothing here knows whether the model is sparse; the trainer hooks onto the optimizer.
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": recipe.weight_decay},
            {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        betas=(recipe.beta1, recipe.beta2),
        fused=True,
    )
    masks = MaskTrainer(model, optimizer, schedule, journal.total_steps, derive_seed(seed, "growth"))
    first = journal.begin(model, optimizer, masks, device)

    def bits_per_byte(split: Text) -> float:
        model.eval()
        every = _resident(split, device)
        if len(every) <= context:
            raise InvalidValue(f"A split has {len(every)} tokens; a window needs {context + 1}.")
        view = every.unfold(0, context + 1, context)  # (windows, T + 1)
        nats = torch.zeros((), dtype=torch.float64, device=device)
        with torch.no_grad(), autocast:
            for at in range(0, len(view), max(1, EVALUATION_TOKENS // context)):
                batch = view[at : at + max(1, EVALUATION_TOKENS // context)].long()
                nats += _cross_entropy(network, batch, reduction="sum")
        model.train()
        per_token = nats.item() / (len(view) * context)
        return per_token * len(every) / (math.log(2.0) * split.text_bytes)

    model.train()
    value = None
    for step in range(first, journal.total_steps):
        # A new epoch: where its windows start, and their order.
        epoch, position = divmod(step, steps_per_epoch)
        if position == 0 or step == first:
            draw = torch.Generator().manual_seed(derive_seed(seed, "epoch", epoch))
            offset = torch.randint(context, (), generator=draw)
            starts = (offset + context * torch.randperm(samples, generator=draw)).to(device)

        # The batch and the step.
        batch = windows[starts[position * recipe.batch_size : (position + 1) * recipe.batch_size]].long()  # (B, T + 1)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(step, journal.total_steps)
        with autocast:
            loss = _cross_entropy(network, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.clip_norm:
            masks.clip_grad_norm_(recipe.clip_norm)  # over active weights; growth still sees the dense gradient
        optimizer.step()  # then the masks: projection, and an update when it is due

        value = bits_per_byte(splits.validation) if journal.is_evaluation(step + 1) else None
        journal.after_step(step + 1, loss, value)

    if value is None:  # resumed from the last checkpoint: nothing was left to train
        value = bits_per_byte(splits.validation)
    return value, bits_per_byte(splits.test) if evaluate_test else None


def _resident(split: Text, device: torch.device) -> Tensor:
    """The tokens on the device, (n,) int32."""
    return torch.from_numpy(split.tokens.astype(np.int32)).to(device)


def _cross_entropy(network: Callable[[Tensor], Tensor], batch: Tensor, reduction: str = "mean") -> Tensor:
    """Nats of the next token over (B, T + 1) tokens."""
    logits = network(batch[:, :-1])  # (B, T, vocabulary)
    return F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten(), reduction=reduction)
