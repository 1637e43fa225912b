"""Everything that goes wrong in other sparse-training libraries (sparse-training list, one process), line by line."""

import copy
import itertools
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from sparseift.errors import CheckpointError, InvalidValue
from sparseift.masks.optimizers import initial_value, needs_masked_gradients
from sparseift.masks.schedules import MaskSchedule
from sparseift.masks.state import attach_masks, masks_of
from sparseift.masks.trainer import KeptState, MaskTrainer, SkippedUpdate
from tests.sparseift.masks.reference import ReferenceTrainer

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd-nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "adamw-fused": lambda p: torch.optim.AdamW(p, lr=1e-2, fused=True),
    "adam-amsgrad": lambda p: torch.optim.Adam(p, lr=1e-2, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.9),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "nadam-foreach": lambda p: torch.optim.NAdam(p, lr=1e-2, foreach=True),
    "adamax": lambda p: torch.optim.Adamax(p, lr=1e-2),
    "rprop": lambda p: torch.optim.Rprop(p, lr=1e-2),
    "adagrad-accumulated": lambda p: torch.optim.Adagrad(p, lr=1e-2, initial_accumulator_value=0.1),
    "adafactor": lambda p: torch.optim.Adafactor(p, lr=1e-2),
}
METHODS = ("static", "set", "rigl")  # every other one is in test_conformance.py
SCHEDULES = {method: MaskSchedule(method, delta_t_steps=3, t_end_fraction=0.8) for method in METHODS}


def model_with_masks(density: float = 0.3, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(96, 20), nn.LayerNorm(20),
        nn.ReLU(), nn.Linear(20, 5),
    ).to(dtype)  # fmt: skip
    weights = {n: p for n, p in model.named_parameters() if p.ndim > 1}
    attach_masks(model, {n: int(density * p.numel()) for n, p in weights.items()}, seed=1)
    return model


def batches(dtype: torch.dtype = torch.float64) -> "itertools.count[int]":
    generator = torch.Generator().manual_seed(5)
    while True:
        x = torch.randn(8, 2, 6, 6, generator=generator, dtype=dtype)
        yield x, torch.randint(5, (8,), generator=generator)


def run(model: nn.Module, optimizer: torch.optim.Optimizer, data: object, steps: int) -> list[float]:
    losses = []
    for x, y in itertools.islice(data, steps):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def active(model: nn.Module) -> dict[str, int]:
    return {n: int(m.sum()) for n, m in masks_of(model).items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_density_is_exact_at_step_0_and_after_every_step(name: str, method: str) -> None:
    model = model_with_masks()
    want = {n: int(0.3 * p.numel()) for n, p in model.named_parameters() if p.ndim > 1}
    assert active(model) == want
    optimizer = OPTIMIZERS[name](model.parameters())
    trainer = MaskTrainer(model, optimizer, SCHEDULES[method], total_steps=20, seed=3)
    before = {n: m.clone() for n, m in masks_of(model).items()}
    for _ in range(20):
        run(model, optimizer, batches(), 1)
        assert active(model) == want
        for n, p in model.named_parameters():
            if p.ndim > 1:
                assert not p[masks_of(model)[n] == 0].any()
    moved = any(not torch.equal(m, before[n]) for n, m in masks_of(model).items())
    assert moved == (method != "static")
    assert trainer.sparsity() == pytest.approx(1 - sum(want.values()) / sum(m.numel() for m in before.values()))
    assert (trainer.itop() > 1 - trainer.sparsity() + 1e-9) == (method != "static")


@pytest.mark.parametrize("name", ["sgd", "sgd-nesterov", "adamw"])
@pytest.mark.parametrize("method", ["static", "rigl"])
def test_the_trajectory_is_bit_for_bit_that_of_masking_everything(name: str, method: str) -> None:
    ours, theirs = model_with_masks(), model_with_masks()
    optimizer, other = OPTIMIZERS[name](ours.parameters()), OPTIMIZERS[name](theirs.parameters())
    schedule = SCHEDULES[method]
    MaskTrainer(ours, optimizer, schedule, total_steps=20, seed=3)
    weights = {n: p for n, p in theirs.named_parameters() if p.ndim > 1}
    reference = ReferenceTrainer(weights, masks_of(theirs), other)
    losses = run(ours, optimizer, batches(), 20)
    for step, (x, y) in enumerate(itertools.islice(batches(), 20), start=1):
        loss = nn.functional.cross_entropy(theirs(x), y)
        assert float(loss.detach()) == losses[step - 1], f"step {step}"
        other.zero_grad()
        loss.backward()
        due = schedule.is_update_step(step, 20)
        reference.step(schedule.drop_fraction_at(step, 20) if due else None, Tensor.abs)
    assert all(torch.equal(reference.masks[n], m.bool()) for n, m in masks_of(ours).items())


@pytest.mark.parametrize("method", ["set", "rigl"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_grown_weights_start_at_zero_and_only_their_state_is_reset(name: str, method: str) -> None:
    model = model_with_masks()
    optimizer = OPTIMIZERS[name](model.parameters())
    MaskTrainer(model, optimizer, SCHEDULES[method], total_steps=20, seed=3)
    run(model, optimizer, batches(), 2)
    weight, mask = model[4].weight, model[4].weight_mask
    old_mask = mask.clone()
    control = copy.deepcopy(model)
    control_optimizer = OPTIMIZERS[name](control.parameters())
    control_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    data = [next(batches())]
    run(model, optimizer, data, 1)  # step 3: an update
    run(control, control_optimizer, data, 1)  # the same step without masks
    grown = (mask == 1) & (old_mask == 0)
    dropped = (mask == 0) & (old_mask == 1)
    assert grown.any()
    assert grown.sum() == dropped.sum()
    assert not weight[grown].any()
    assert not weight[dropped].any()
    for key, value in optimizer.state[weight].items():
        if isinstance(value, Tensor) and value.shape == weight.shape:
            assert (value[grown] == initial_value(optimizer.param_groups[0], key)).all()
            kept = control_optimizer.state[control[4].weight][key]
            assert torch.equal(value[~grown], kept[~grown]), f"{key} of weights that were not grown has changed"


def test_rigl_drops_and_grows_by_hand() -> None:
    model = nn.Sequential(nn.Linear(6, 1, bias=False))
    model[0].register_buffer("weight_mask", torch.tensor([[1, 1, 1, 1, 0, 0]], dtype=torch.uint8))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[4.0, -0.1, 3.0, 0.2, 0.0, 0.0]]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    schedule = MaskSchedule("rigl", delta_t_steps=1, drop_fraction=0.5, anneal="constant", t_end_fraction=1.0)
    trainer = MaskTrainer(model, optimizer, schedule, total_steps=2, seed=0)
    model[0].weight.grad = torch.tensor([[9.0, 5.0, 9.0, 0.5, -7.0, 0.1]])
    optimizer.step()
    # -0.1 and .2 are the smallest; of {1, 3, 4, 5} the gradients 5 and -7 are largest: 1 stays, 4 is new, 3 goes.
    assert model[0].weight_mask.tolist() == [[1, 1, 1, 0, 1, 0]]
    torch.testing.assert_close(model[0].weight.detach(), torch.tensor([[4.0, -0.1, 3.0, 0.0, 0.0, 0.0]]))
    assert trainer.last_churn == 0.25
    assert trainer.itop() == pytest.approx(5 / 6)


def test_set_grows_anywhere_and_by_its_seed() -> None:
    def grown(seed: int) -> list[list[int]]:
        model = model_with_masks()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        MaskTrainer(model, optimizer, SCHEDULES["set"], total_steps=20, seed=seed)
        run(model, optimizer, batches(), 3)
        return model[4].weight_mask.tolist()

    assert grown(1) == grown(1)
    assert grown(1) != grown(2)


def test_two_parameter_groups_keep_their_own_masks() -> None:
    model = model_with_masks()
    groups = [
        {"params": model[4].parameters(), "lr": 0.2},
        {"params": [*model[0].parameters(), *model[7].parameters()]},
    ]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    want = active(model)
    MaskTrainer(model, optimizer, SCHEDULES["rigl"], total_steps=20, seed=0)
    run(model, optimizer, batches(), 10)
    assert active(model) == want
    assert all(not p[masks_of(model)[n] == 0].any() for n, p in model.named_parameters() if n in want)


def test_norms_and_biases_are_untouched() -> None:
    model = model_with_masks()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    MaskTrainer(model, optimizer, SCHEDULES["rigl"], total_steps=20, seed=0)
    run(model, optimizer, batches(), 4)
    assert set(masks_of(model)) == {"0.weight", "4.weight", "7.weight"}
    assert model[0].bias.count_nonzero() == 6


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_no_mask_and_is_reported(bad: float) -> None:
    model = model_with_masks()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    trainer = MaskTrainer(model, optimizer, SCHEDULES["rigl"], total_steps=20, seed=0)
    run(model, optimizer, batches(), 2)
    before = {n: m.clone() for n, m in masks_of(model).items()}
    x, y = next(batches())
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    model[4].weight.grad[0, 0] = bad
    with pytest.warns(SkippedUpdate, match="after step 3 was skipped"):
        optimizer.step()
    assert all(torch.equal(m, before[n]) for n, m in masks_of(model).items())
    assert trainer.skipped_updates == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["sgd-nesterov", "adamw-fused"])
def test_resume_is_bit_exact(name: str, method: str) -> None:
    def fresh() -> tuple[nn.Module, torch.optim.Optimizer, MaskTrainer]:
        model = model_with_masks()
        optimizer = OPTIMIZERS[name](model.parameters())
        return model, optimizer, MaskTrainer(model, optimizer, SCHEDULES[method], total_steps=20, seed=3)

    model, optimizer, trainer = fresh()
    data = list(itertools.islice(batches(), 20))
    run(model, optimizer, data[:10], 10)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict(), trainer.state_dict()))
    losses = run(model, optimizer, data[10:], 10)

    other, other_optimizer, other_trainer = fresh()
    other.load_state_dict(saved[0])
    other_optimizer.load_state_dict(saved[1])
    other_trainer.load_state_dict(saved[2])
    assert run(other, other_optimizer, data[10:], 10) == losses
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))
    assert other_trainer.itop() == trainer.itop()
    assert other_trainer.last_churn == trainer.last_churn


def test_the_state_dict_alone_restores_a_sparse_model() -> None:
    source, target = model_with_masks(0.3), model_with_masks(0.6)
    optimizer = torch.optim.SGD(target.parameters(), lr=0.1)
    MaskTrainer(target, optimizer, SCHEDULES["static"], total_steps=20, seed=0)
    target.load_state_dict(source.state_dict())
    run(target, optimizer, batches(), 2)
    assert active(target) == active(source)
    assert all(not p[masks_of(source)[n] == 0].any() for n, p in target.named_parameters() if n in active(source))


def test_a_state_of_another_model_is_refused() -> None:
    model = model_with_masks()
    trainer = MaskTrainer(model, torch.optim.SGD(model.parameters()), SCHEDULES["set"], total_steps=5, seed=0)
    state = trainer.state_dict()
    del state["ever_active.0.weight"]
    with pytest.raises(CheckpointError, match="other masks"):
        trainer.load_state_dict(state)


def test_an_optimizer_without_a_masked_parameter_is_refused() -> None:
    model = model_with_masks()
    with pytest.raises(InvalidValue, match=r"0\.weight, 4\.weight"):
        MaskTrainer(model, torch.optim.SGD(model[7].parameters()), SCHEDULES["set"], total_steps=5, seed=0)


def test_a_dense_model_is_left_alone_and_remove_takes_the_hooks_off() -> None:
    model = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = MaskTrainer(model, optimizer, SCHEDULES["rigl"], total_steps=5, seed=0)
    model(torch.ones(1, 4)).sum().backward()
    for _ in range(4):
        optimizer.step()
    assert (trainer.sparsity(), trainer.itop(), trainer.last_churn) == (0.0, 1.0, None)

    sparse = model_with_masks()
    sgd = torch.optim.SGD(sparse.parameters(), lr=0.1)
    MaskTrainer(sparse, sgd, SCHEDULES["static"], total_steps=5, seed=0).remove()
    run(sparse, sgd, batches(), 1)
    assert sparse[4].weight.count_nonzero() > active(sparse)["4.weight"]


def test_clipping_counts_active_gradients_only_and_keeps_them_dense() -> None:
    model = model_with_masks()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    trainer = MaskTrainer(model, optimizer, SCHEDULES["rigl"], total_steps=20, seed=0)
    x, y = next(batches())
    nn.functional.cross_entropy(model(x), y).backward()
    masks = masks_of(model)
    seen = [p.grad * masks[n] if n in masks else p.grad for n, p in model.named_parameters()]
    want = torch.cat([g.flatten() for g in seen]).norm()
    dense = model[4].weight.grad.clone()
    norm = trainer.clip_grad_norm_(0.1)
    torch.testing.assert_close(norm, want)
    torch.testing.assert_close(model[4].weight.grad, dense * 0.1 / want, rtol=1e-4, atol=1e-8)
    assert torch.equal(trainer.clip_grad_norm_(1e9), trainer.clip_grad_norm_(1e9))


@pytest.mark.parametrize("name", ["adafactor", "muon"])
@pytest.mark.parametrize("method", ["static", "rigl"])
def test_optimizers_that_are_not_elementwise_see_masked_gradients_only(name: str, method: str) -> None:
    def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
        matrices = [p for p in model.parameters() if p.ndim == 2]
        return torch.optim.Muon(matrices, lr=1e-2) if name == "muon" else torch.optim.Adafactor(matrices, lr=1e-2)

    def two_layers() -> nn.Sequential:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(72, 20), nn.ReLU(), nn.Linear(20, 5))
        attach_masks(model, {"1.weight": 300, "3.weight": 30}, seed=0)
        return model

    ours, theirs = two_layers(), two_layers()
    optimizer, other = optimizer_of(ours), optimizer_of(theirs)
    trainer = MaskTrainer(ours, optimizer, SCHEDULES[method], total_steps=20, seed=0)
    for step, (x, y) in enumerate(itertools.islice(batches(torch.float32), 3), start=1):
        for model, steps in ((ours, optimizer), (theirs, other)):
            steps.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            if model is theirs:
                dense = {n: p.grad.clone() for n, p in model.named_parameters() if n in masks_of(model)}
                for n, p in model.named_parameters():
                    if n in dense:
                        p.grad.mul_(masks_of(model)[n])
            steps.step()
        with torch.no_grad():
            for n, mask in masks_of(theirs).items():
                theirs.get_parameter(n).mul_(mask)
        if method == "static" or step < 3:
            for n in masks_of(ours):
                assert torch.equal(ours.get_parameter(n), theirs.get_parameter(n))
    if method == "rigl":  # step 3 grew where the dense gradient is largest, though the optimizer saw it masked
        grown = (ours[1].weight_mask == 1) & (theirs[1].weight_mask == 0)
        never = (ours[1].weight_mask == 0) & (theirs[1].weight_mask == 0)
        assert grown.any()
        assert dense["1.weight"].abs()[grown].min() >= dense["1.weight"].abs()[never].max()
    assert trainer.skipped_updates == 0


def two_layers() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(72, 20), nn.ReLU(), nn.Linear(20, 5)).double()
    attach_masks(model, {"1.weight": 300, "3.weight": 30}, seed=0)
    return model


def matrices(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.ndim == 2]


def test_muon_trains_as_if_everything_were_masked_beyond_mask_updates() -> None:
    ours, theirs = two_layers(), two_layers()
    optimizer, other = (torch.optim.Muon(matrices(m), lr=1e-2) for m in (ours, theirs))
    MaskTrainer(ours, optimizer, SCHEDULES["rigl"], total_steps=20, seed=0)
    weights = {n: p for n, p in theirs.named_parameters() if p.ndim == 2}
    reference = ReferenceTrainer(weights, masks_of(theirs), other)
    run(ours, optimizer, batches(), 20)
    for step, (x, y) in enumerate(itertools.islice(batches(), 20), start=1):
        other.zero_grad()
        nn.functional.cross_entropy(theirs(x), y).backward()
        due = SCHEDULES["rigl"].is_update_step(step, 20)
        reference.step(SCHEDULES["rigl"].drop_fraction_at(step, 20) if due else None, Tensor.abs)
    assert all(torch.equal(reference.masks[n], m.bool()) for n, m in masks_of(ours).items())
    assert all(torch.equal(ours.get_parameter(n), w) for n, w in weights.items())


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("name", ["adafactor", "muon", "sgd-summed"])
def test_a_closure_trains_as_no_closure(name: str, by_name: bool) -> None:
    summed = MaskSchedule("rigl", delta_t_steps=3, t_end_fraction=0.8, gradient_steps=2)

    def trained(with_closure: bool) -> nn.Module:
        model = two_layers()
        kinds = {"adafactor": torch.optim.Adafactor, "muon": torch.optim.Muon, "sgd-summed": torch.optim.SGD}
        optimizer = kinds[name](matrices(model), lr=1e-2)
        MaskTrainer(model, optimizer, summed, total_steps=20, seed=0)
        for x, y in itertools.islice(batches(), 10):

            def closure(x: Tensor = x, y: Tensor = y) -> Tensor:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                return loss

            if not with_closure:
                closure()
                optimizer.step()
            elif by_name:
                assert optimizer.step(closure=closure) > 0
            else:
                assert optimizer.step(closure) > 0
        return model

    plain, closed = trained(False), trained(True)
    assert all(
        torch.equal(a, b) for a, b in zip(plain.state_dict().values(), closed.state_dict().values(), strict=True)
    )


def test_optimizers_are_known_by_parts_of_their_bases_names() -> None:
    class Fused(torch.optim.Adafactor):
        pass

    class MuonWithAuxAdam(torch.optim.SGD):
        pass

    weights = [nn.Parameter(torch.ones(2, 2))]
    assert needs_masked_gradients(Fused(weights))
    assert needs_masked_gradients(MuonWithAuxAdam(weights))
    assert not any(needs_masked_gradients(kind(weights)) for name, kind in OPTIMIZERS.items() if name != "adafactor")


class Quantised(torch.optim.SGD):
    """Keeps a code per element, as 8-bit optimizers do."""

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        super().step(closure)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["state1"] = torch.full(p.shape, 7, dtype=torch.uint8)


def test_quantised_state_is_left_alone_and_reported_once() -> None:
    model = two_layers()
    optimizer = Quantised(matrices(model), lr=0.1)
    MaskTrainer(model, optimizer, SCHEDULES["rigl"], total_steps=20, seed=0)
    with pytest.warns(KeptState, match="Quantised keeps state1") as caught:
        run(model, optimizer, batches(), 10)
    assert len(caught) == 1
    assert (optimizer.state[model[1].weight]["state1"] == 7).all()


def test_lbfgs_is_refused() -> None:
    model = model_with_masks()
    with pytest.raises(InvalidValue, match="LBFGS"):
        MaskTrainer(model, torch.optim.LBFGS(model.parameters()), SCHEDULES["set"], total_steps=5, seed=0)


@pytest.mark.parametrize("method", ["set", "rigl"])
def test_a_frozen_layer_keeps_its_mask_and_stops_no_other(method: str) -> None:
    model = model_with_masks()
    model[4].weight.requires_grad_(False)
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    trainer = MaskTrainer(model, optimizer, SCHEDULES[method], total_steps=20, seed=0)
    before = {n: m.clone() for n, m in masks_of(model).items()}
    run(model, optimizer, batches(), 3)
    assert torch.equal(before["4.weight"], model[4].weight_mask)
    assert not torch.equal(before["7.weight"], model[7].weight_mask)
    assert trainer.skipped_updates == 0


def test_an_update_without_any_gradient_is_reported() -> None:
    model = model_with_masks()
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    trainer = MaskTrainer(model, optimizer, SCHEDULES["rigl"], total_steps=20, seed=0)
    assert trainer.clip_grad_norm_(1.0) == 0.0
    optimizer.step()
    optimizer.step()
    with pytest.warns(SkippedUpdate, match="no masked weight has a gradient"):
        optimizer.step()
    assert trainer.skipped_updates == 1


def test_a_model_that_is_moved_or_loaded_by_assignment_keeps_its_own_masks() -> None:
    model = model_with_masks()
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    MaskTrainer(model, optimizer, SCHEDULES["rigl"], total_steps=40, seed=0)
    model.to(memory_format=torch.channels_last)  # replaces the buffers
    run(model, optimizer, batches(), 7)
    for n, mask in masks_of(model).items():
        assert not model.get_parameter(n)[mask == 0].any()
    model[4].load_state_dict(model_with_masks(0.6)[4].state_dict())
    run(model, optimizer, batches(), 1)
    assert int((model[4].weight != 0).sum()) == int(0.6 * model[4].weight.numel())
    model.load_state_dict(model_with_masks().state_dict(), assign=True)
    with pytest.raises(InvalidValue, match="does not hold"):  # new parameters, which the optimizer does not train
        optimizer.step()


def test_channels_last_weights_are_updated_where_they_should() -> None:
    plain, strided = model_with_masks(), model_with_masks().to(memory_format=torch.channels_last)
    assert not strided[0].weight.is_contiguous()
    for model in (plain, strided):
        optimizer = OPTIMIZERS["sgd-nesterov"](model.parameters())
        MaskTrainer(model, optimizer, SCHEDULES["rigl"], total_steps=20, seed=0)
        run(model, optimizer, batches(), 7)
    assert torch.equal(plain[0].weight_mask, strided[0].weight_mask.contiguous())
    torch.testing.assert_close(plain[0].weight, strided[0].weight.contiguous())


class CountOperators(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.calls.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("depth", [2, 12])
def test_a_step_adds_one_operator_and_no_host_sync_whatever_the_depth(depth: int) -> None:
    def calls(masked: bool) -> list[str]:
        model = nn.Sequential(*(nn.Linear(8, 8) for _ in range(depth)))
        attach_masks(model, {f"{i}.weight": 20 for i in range(depth)}, seed=0)
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        if masked:
            MaskTrainer(model, optimizer, MaskSchedule("rigl", delta_t_steps=100), total_steps=1000, seed=0)
        model(torch.ones(2, 8)).sum().backward()
        with CountOperators() as counter:
            optimizer.step()
        return counter.calls

    extra = len(calls(masked=True)) - len(calls(masked=False))
    assert extra == 1
    assert not any("local_scalar" in c or "item" in c for c in calls(masked=True))


def test_summed_gradients_add_one_operator_on_the_steps_that_count() -> None:
    model = nn.Sequential(*(nn.Linear(8, 8) for _ in range(6)))
    attach_masks(model, {f"{i}.weight": 20 for i in range(6)}, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    MaskTrainer(model, optimizer, MaskSchedule("rigl", delta_t_steps=9, gradient_steps=4), total_steps=1000, seed=0)
    model(torch.ones(2, 8)).sum().backward()
    seen = []
    for _ in range(8):
        with CountOperators() as counter:
            optimizer.step()
        seen.append(len(counter.calls))
        assert not any("local_scalar" in c for c in counter.calls)
    # Steps 6 to 9 count; the first of a run makes the optimizer's state.
    assert [n - seen[1] for n in seen[1:]] == [0, 0, 0, 0, 1, 1, 1]


def test_no_default_is_shared_between_trainers() -> None:
    first, second = model_with_masks(), model_with_masks(0.5)
    a, b = (torch.optim.SGD(m.parameters(), lr=0.1) for m in (first, second))
    MaskTrainer(first, a, SCHEDULES["set"], total_steps=20, seed=0)
    MaskTrainer(second, b, SCHEDULES["set"], total_steps=20, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(first, a, batches(), 4)
        run(second, b, batches(), 4)
    assert active(first)["4.weight"] == 576
    assert active(second)["4.weight"] == 960
