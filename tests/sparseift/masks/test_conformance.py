"""One suite for every mask method under every structure with every optimizer: exact counts at each step, masks that
obey, zeros under them, grown weights that start afresh, and a resume that changes nothing."""

import copy
import itertools
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from sparseift.errors import InvalidValue
from sparseift.masks.layouts import check_mask
from sparseift.masks.optimizers import initial_value
from sparseift.masks.schedules import METHODS, MaskSchedule, Ramp
from sparseift.masks.state import attach_masks, masks_of, targets_of
from sparseift.masks.structures import parse
from sparseift.masks.trainer import MaskTrainer

STEPS = 8


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, as a user would write it."""

    def __init__(self, params: object, lr: float = 1e-3) -> None:
        super().__init__(params, {"lr": lr, "betas": (0.9, 0.99)})  # type: ignore[arg-type]

    @torch.no_grad()
    def step(self, _closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                momentum = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                p.add_((0.9 * momentum + 0.1 * p.grad).sign(), alpha=-group["lr"])
                momentum.lerp_(p.grad, 0.01)


OPTIMIZERS: dict[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer]] = {
    "sgd-momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2, foreach=False),
    "adamw-fused": lambda p: torch.optim.AdamW(p, lr=1e-2, fused=True),
    "adamw-foreach": lambda p: torch.optim.AdamW(p, lr=1e-2, foreach=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.9),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2, initial_accumulator_value=0.1),
    "lion": lambda p: Lion(p),
    "muon": lambda p: torch.optim.Muon(p, lr=1e-2),
    "adafactor": lambda p: torch.optim.Adafactor(p, lr=1e-2),
}
STRUCTURES = ("unstructured", "2:4", "1:4", "4:8", "block:4", "constant_fan_in", "channel", "head_balanced:2")
NO_MOMENTUM = ("adagrad", "muon", "adafactor")
LAYERS = ("0.weight", "2.weight")


def density_of(structure: str) -> float:
    return 0.125 if structure == "1:4" else 0.25  # below what the structure allows, so that a ramp has a way to go


def model_under(structure: str, ramp: Ramp | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 16, bias=False), nn.Tanh(), nn.Linear(16, 8, bias=False)).double()
    parsed = parse(structure)
    layouts = {name: parsed.layout(tuple(model.get_parameter(name).shape)) for name in LAYERS}
    sizes = {name: model.get_parameter(name).numel() for name in LAYERS}
    final = {name: layouts[name].snap(density_of(structure) * sizes[name]) for name in LAYERS}
    start = {name: layouts[name].snap(ramp.start_density * sizes[name]) for name in LAYERS} if ramp else final
    attach_masks(model, start, seed=1, structure=structure, targets=final)
    return model


def schedule_of(method: str, structure: str, **fields: object) -> MaskSchedule:
    return MaskSchedule(method, delta_t_steps=2, drop_fraction=0.5, t_end_fraction=1.0, structure=structure, **fields)  # type: ignore[arg-type]


def data() -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(5)
    while True:
        x = torch.randn(4, 16, generator=generator, dtype=torch.float64)
        yield x, torch.randint(8, (4,), generator=generator)


def run(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterator[tuple[Tensor, Tensor]], n: int) -> None:
    for x, y in itertools.islice(batches, n):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def per_element(optimizer: torch.optim.Optimizer, weight: Tensor) -> dict[str, Tensor]:
    state = optimizer.state[weight]
    return {k: v for k, v in state.items() if isinstance(v, Tensor) and v.shape == weight.shape}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_under_every_structure_with_every_optimizer(method: str, structure: str, name: str) -> None:
    schedule = schedule_of(method, structure)
    model = model_under(structure, schedule.ramp)
    optimizer = OPTIMIZERS[name]([model.get_parameter(n) for n in LAYERS])
    if method == "snfs" and name in NO_MOMENTUM:
        with pytest.raises(InvalidValue, match=r"momentum"):
            MaskTrainer(model, optimizer, schedule, STEPS, seed=3)
        return
    trainer = MaskTrainer(model, optimizer, schedule, STEPS, seed=3)
    parsed = parse(structure)
    layouts = {n: parsed.layout(tuple(model.get_parameter(n).shape)) for n in LAYERS}
    targets, counts = targets_of(model), {n: int(m.sum()) for n, m in masks_of(model).items()}
    assert bool(targets) == (schedule.ramp is not None)
    batches = data()
    grown_at_all = False
    saved: tuple[dict[str, object], ...] = ()
    for step in range(1, STEPS + 1):
        before = {n: m.clone() for n, m in masks_of(model).items()}
        run(model, optimizer, batches, 1)
        for n, mask in masks_of(model).items():
            weight = model.get_parameter(n)
            if n in targets and schedule.is_update_step(step, STEPS):
                counts[n] = layouts[n].snap(schedule.count_at(step, STEPS, *targets[n]))
            assert int(mask.sum()) == counts[n], f"step {step}"
            check_mask(layouts[n], n, mask, structure)
            assert not weight[mask == 0].any()
            grown = (mask == 1) & (before[n] == 0)
            grown_at_all |= bool(grown.any())
            assert not weight[grown].any()
            for key, value in per_element(optimizer, weight).items():
                assert (value[grown] == initial_value(optimizer.param_groups[0], key)).all()
        if step == 3:  # in the middle of an interval
            saved = copy.deepcopy((model.state_dict(), optimizer.state_dict(), trainer.state_dict()))  # type: ignore[assignment]
    final = {n: layouts[n].snap(density_of(structure) * model.get_parameter(n).numel()) for n in LAYERS}
    assert counts == final
    if method != "granet":  # a handful of blocks may go without one coming back
        assert grown_at_all == (method in ("set", "rigl", "snfs"))
    assert trainer.skipped_updates == 0

    other = model_under(structure, schedule.ramp)
    other_optimizer = OPTIMIZERS[name]([other.get_parameter(n) for n in LAYERS])
    resumed = MaskTrainer(other, other_optimizer, schedule, STEPS, seed=9)
    other.load_state_dict(saved[0])
    other_optimizer.load_state_dict(saved[1])
    resumed.load_state_dict(saved[2])  # type: ignore[arg-type]
    run(other, other_optimizer, itertools.islice(data(), 3, None), STEPS - 3)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))
    assert resumed.itop() == trainer.itop()


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("ramp", [Ramp(0.5, 0.2, 0.8), Ramp(0.05, 0.0, 1.0, "linear")])
def test_ramps_go_both_ways_and_end_with_the_final_counts(ramp: Ramp, structure: str) -> None:
    for method in ("set", "rigl", "snfs"):
        schedule = schedule_of(method, structure, ramp=ramp)
        model = model_under(structure, ramp)
        optimizer = OPTIMIZERS["sgd-momentum"]([model.get_parameter(n) for n in LAYERS])
        targets = targets_of(model)
        MaskTrainer(model, optimizer, schedule, STEPS, seed=3)
        batches, seen = data(), []
        for _ in range(STEPS):
            run(model, optimizer, batches, 1)
            seen.append(sum(int(m.sum()) for m in masks_of(model).values()))
            for n, mask in masks_of(model).items():
                check_mask(parse(structure).layout(tuple(mask.shape)), n, mask, structure)
        downwards = sum(start - final for start, final in targets.values()) > 0
        assert seen == sorted(seen, reverse=downwards)
        final = {n: final for n, (_, final) in targets.items()}
        assert {n: int(m.sum()) for n, m in masks_of(model).items() if n in final} == final


def test_masks_must_obey_the_schedules_structure() -> None:
    model = model_under("unstructured")
    model[0].weight_mask.zero_()
    model[0].weight_mask[0] = 1
    model[0].weight_mask[1, 0] = 1
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for structure in STRUCTURES[1:]:
        with pytest.raises(InvalidValue, match=f"does not obey the schedule's structure '{structure}'"):
            MaskTrainer(model, optimizer, schedule_of("rigl", structure), STEPS, seed=0)
