"""Two real processes, under DDP and under FSDP2, against one process with the whole batch.

In float64 the mean over processes of the mean over their halves is the whole batch's mean up to rounding: masks are
compared exactly, weights to 1e-12.
"""

import gc
import socket
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sparseift.errors import InvalidValue
from sparseift.masks.schedules import MaskSchedule, Ramp
from sparseift.masks.state import attach_masks, masks_of
from sparseift.masks.trainer import MaskTrainer, SkippedUpdate

STEPS = 9
BATCH = 8
CASES = {
    "rigl": MaskSchedule("rigl", delta_t_steps=2, t_end_fraction=1.0, gradient_steps=2),
    "set": MaskSchedule("set", delta_t_steps=2, t_end_fraction=1.0),
    "snfs": MaskSchedule("snfs", delta_t_steps=2, t_end_fraction=1.0),
    "set, gradients masked": MaskSchedule("set", delta_t_steps=3, t_end_fraction=1.0),
    "granet, 2:4": MaskSchedule("granet", 2, t_end_fraction=1.0, structure="2:4", ramp=Ramp(0.5, 0.0, 0.7)),
}
SIZES = {
    "0.weight": (24, 12),
    "2.weight": (7, 24),
}  # (out, in); two shards each along the outputs, of 4 and 3 in the second


def sparse_model(schedule: MaskSchedule) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 7)).double()
    final = {name: out * inputs // 4 for name, (out, inputs) in SIZES.items()}
    start = {n: 2 * count for n, count in final.items()} if schedule.ramp else final
    attach_masks(model, start, seed=1, structure=schedule.structure, targets=final)
    return model


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(STEPS, BATCH, 12, generator=generator, dtype=torch.float64)
    return x, torch.randint(7, (STEPS, BATCH), generator=generator)


def train(model: nn.Module, named: nn.Module, schedule: MaskSchedule, part: slice) -> dict[str, Tensor]:
    """The last state, gathered; `named` is the module whose names are plain."""
    optimizer = torch.optim.AdamW(named.parameters(), lr=1e-2)
    masked_gradients = schedule == CASES["set, gradients masked"]
    trainer = MaskTrainer(model, optimizer, schedule, STEPS, seed=3, mask_gradients=masked_gradients)
    for x, y in zip(*data(), strict=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[part]), y[part]).backward()
        norm = trainer.clip_grad_norm_(0.5)
        optimizer.step()
        if trainer.step == 3:  # with half of a sum of gradients: what is saved whole is loaded in shards
            trainer.load_state_dict(trainer.state_dict())
    assert trainer.skipped_updates == 0
    state: dict[str, Tensor] = {"norm": norm}
    for name, tensor in (*named.named_parameters(), *named.named_buffers()):
        state[name] = gathered(tensor.detach())
        for key, value in optimizer.state.get(tensor, {}).items():
            state[f"{name}.{key}"] = gathered(value)
    state |= {f"trainer.{key}": value for key, value in trainer.state_dict().items()}
    return state


def gathered(tensor: Tensor) -> Tensor:
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor.clone()


def distributed(model: nn.Sequential, kind: str) -> nn.Module:
    if kind == "ddp":
        wrapped = nn.parallel.DistributedDataParallel(model)
        assert set(masks_of(wrapped)) == {f"module.{name}" for name in SIZES}
        return wrapped
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (torch.distributed.get_world_size(),))
    for layer in (model[0], model[2]):
        fully_shard(layer, mesh=mesh)
    sharded: nn.Module = fully_shard(model, mesh=mesh)
    assert model[0].weight.to_local().shape == (12, 12)
    return sharded


def process(rank: int, world: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
    train_all(rank, BATCH // world, Path(folder))
    check_a_nan_on_one_process_stops_all(rank)
    # DDP's and FSDP's wrappers are cycles that hold the process group: if they outlive the interpreter, gloo's threads
    # abort the process at its exit in about every second run.
    gc.collect()
    torch.distributed.destroy_process_group()


def train_all(rank: int, share: int, folder: Path) -> None:
    for kind in ("ddp", "fsdp2"):
        for case, schedule in CASES.items():
            model = sparse_model(schedule)
            state = train(distributed(model, kind), model, schedule, slice(rank * share, (rank + 1) * share))
            torch.save(state, folder / f"{kind}, {case}-{rank}.pt")


def check_a_nan_on_one_process_stops_all(rank: int) -> None:
    schedule = MaskSchedule("rigl", delta_t_steps=1, t_end_fraction=1.0)
    model = sparse_model(schedule)
    wrapped = distributed(model, "fsdp2")
    with pytest.raises(InvalidValue, match="before it is sharded"):
        attach_masks(model, {"0.weight": 12}, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = MaskTrainer(wrapped, optimizer, schedule, STEPS, seed=3)
    before = model[0].weight_mask.clone()
    x, y = data()
    nn.functional.cross_entropy(wrapped(x[0]), y[0]).backward()
    if rank == 1:
        model[0].weight.grad.to_local()[0, 0] = float("nan")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        optimizer.step()
    assert any(w.category is SkippedUpdate for w in caught)
    assert trainer.skipped_updates == 1
    assert torch.equal(model[0].weight_mask, before)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("states")
    torch.multiprocessing.spawn(process, args=(2, free_port(), str(folder)), nprocs=2)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ddp", "fsdp2"])
def test_two_processes_train_as_one(kind: str, states: Path) -> None:
    for case, schedule in CASES.items():
        alone = sparse_model(schedule)
        before = {name: mask.clone() for name, mask in masks_of(alone).items()}
        want = train(alone, alone, schedule, slice(BATCH))
        first, second = (torch.load(states / f"{kind}, {case}-{rank}.pt") for rank in range(2))
        assert any(not torch.equal(want[f"{n}_mask"], before[n]) for n in SIZES)
        for key, value in want.items():
            assert torch.equal(first[key], second[key]), f"{case}: the processes disagree on {key}"
            if value.is_floating_point():
                torch.testing.assert_close(first[key], value, rtol=0, atol=1e-12, msg=f"{case}: {key}", equal_nan=True)
            else:
                assert torch.equal(first[key], value), f"{case}: {key}"
