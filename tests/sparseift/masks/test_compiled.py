"""torch.compile, loss scaling and gradient accumulation: what stands between a loss and a mask update."""

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.state import attach_masks, masks_of
from sparseift.masks.trainer import MaskTrainer, SkippedUpdate

STEPS = 9
SCHEDULES = {
    "rigl": MaskSchedule("rigl", delta_t_steps=2, t_end_fraction=1.0),
    "summed": MaskSchedule("rigl", delta_t_steps=3, t_end_fraction=1.0, gradient_steps=3),
    "snfs": MaskSchedule("snfs", delta_t_steps=2, t_end_fraction=1.0),
}


def sparse_model() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 6))
    attach_masks(model, {"0.weight": 72, "2.weight": 36}, seed=1)
    return model


def data() -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(5)
    while True:
        yield torch.randn(8, 12, generator=generator), torch.randint(6, (8,), generator=generator)


def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)


def same_masks(model: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(masks_of(model).values(), masks_of(other).values(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_compiled_model_has_one_graph_whatever_its_masks_do(name: str) -> None:
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    counters.clear()
    eager, sparse = sparse_model(), sparse_model()
    compiled = torch.compile(sparse, fullgraph=True, backend="aot_eager")
    losses: dict[nn.Module, list[float]] = {eager: [], compiled: []}
    for model in losses:
        optimizer = optimizer_of(model)
        trainer = MaskTrainer(model, optimizer, SCHEDULES[name], STEPS, seed=3)
        storage = [m.data_ptr() for m in masks_of(model).values()]
        with torch._dynamo.config.patch(error_on_recompile=True):
            for x, y in itertools.islice(data(), STEPS):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                losses[model].append(float(loss.detach()))
        assert not same_masks(model, sparse_model())
        assert [m.data_ptr() for m in masks_of(model).values()] == storage
        assert "ever_active.0.weight" in trainer.state_dict()
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]
    assert losses[compiled] == pytest.approx(losses[eager], rel=1e-5)
    assert same_masks(eager, sparse)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", SCHEDULES)
def test_scaled_losses_update_masks_as_plain_ones(name: str, fused: bool) -> None:
    def trained(scaled: bool) -> tuple[nn.Module, MaskTrainer]:
        model = sparse_model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=fused)
        trainer = MaskTrainer(model, optimizer, SCHEDULES[name], STEPS, seed=3)
        # The scale doubles at every step: a sum of gradients must undo each step's own.
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=1, enabled=scaled)
        for x, y in itertools.islice(data(), STEPS):
            optimizer.zero_grad()
            scaler.scale(nn.functional.cross_entropy(model(x), y)).backward()
            scaler.step(optimizer)
            scaler.update()
        return model, trainer

    (plain, _), (scaled, trainer) = trained(False), trained(True)
    assert trainer.step == STEPS
    assert same_masks(plain, scaled)
    torch.testing.assert_close(plain[0].weight, scaled[0].weight)


@pytest.mark.parametrize("name", ["rigl", "summed"])
def test_an_overflow_of_scaled_gradients_skips_the_update_and_is_reported(name: str) -> None:
    model = sparse_model()
    optimizer = optimizer_of(model)
    schedule = SCHEDULES[name]
    trainer = MaskTrainer(model, optimizer, schedule, STEPS, seed=3)
    scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
    before = {n: m.clone() for n, m in masks_of(model).items()}
    for step, (x, y) in enumerate(itertools.islice(data(), schedule.delta_t_steps), start=1):
        optimizer.zero_grad()
        scaler.scale(nn.functional.cross_entropy(model(x), y)).backward()
        if step == schedule.delta_t_steps:
            model[0].weight.grad[0, 0] = float("inf")
            with pytest.warns(SkippedUpdate, match="not finite"):
                scaler.step(optimizer)
        else:
            scaler.step(optimizer)
        scaler.update()
    assert trainer.skipped_updates == 1
    assert all(torch.equal(m, before[n]) for n, m in masks_of(model).items())
    assert torch.isfinite(model[0].weight).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_micro_batches_train_as_the_whole_batch(name: str) -> None:
    def trained(parts: int) -> nn.Module:
        model = sparse_model().double()
        optimizer = optimizer_of(model)
        trainer = MaskTrainer(model, optimizer, SCHEDULES[name], STEPS, seed=3)
        for x, y in itertools.islice(data(), STEPS):
            optimizer.zero_grad()
            for micro, labels in zip(x.double().chunk(parts), y.chunk(parts), strict=True):
                (nn.functional.cross_entropy(model(micro), labels) / parts).backward()
            trainer.clip_grad_norm_(0.5)
            optimizer.step()
        return model

    whole, split = trained(1), trained(4)
    assert same_masks(whole, split)
    torch.testing.assert_close(whole[0].weight, split[0].weight, rtol=0, atol=1e-10)
