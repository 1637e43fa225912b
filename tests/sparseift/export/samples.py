"""Small sparse models to send out and bring back."""

import torch
from torch import Tensor, nn

from sparseift.families.blocks import Doped, Factorized, Packed, Parallel
from sparseift.replacement import Swaps, take_attention_apart


def masked(module: nn.Module, density: float = 0.3, seed: int = 0) -> nn.Module:
    """Random masks on every weight of a block that its family masks, or on a layer's own weight."""
    generator = torch.Generator().manual_seed(seed)
    blocks = [m for m in module.modules() if isinstance(m, Parallel | Factorized | Doped)]
    owners = [b.get_submodule(n.rpartition(".")[0]) for b in blocks for n in b.masked] or [module]
    for owner in owners:
        weight = owner.get_parameter("weight")
        mask = (torch.rand(weight.shape, generator=generator) < density).to(torch.uint8)
        owner.register_buffer("weight_mask", mask)
        with torch.no_grad():
            weight.copy_(torch.where(mask.bool(), weight, torch.zeros_like(weight)))
    return module


class Net(nn.Module):
    """A user's own model: convolutions, a tied head, a packed projection, an attention, a buffer outside the state."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.norm = nn.BatchNorm2d(8)
        self.embedding = nn.Linear(8, 16, bias=False)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.qkv = nn.Linear(16, 48)
        self.middle = nn.Linear(48, 16)
        self.head = nn.Linear(8, 16, bias=False)
        self.head.weight = self.embedding.weight
        self.register_buffer("scale", torch.tensor(2.0), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 16)."""
        x = self.norm(self.conv(self.stem(images))).flatten(2).transpose(1, 2)  # (B, H·W, 8)
        x = self.embedding(x) * self.scale
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = self.middle(self.qkv(x)).mean(1)
        return x + x[:, :8] @ self.head.weight.T


def sparse_net(seed: int = 0) -> Net:
    """`Net` with every kind of block, masks, a tied weight and what it has learned."""
    torch.manual_seed(seed)
    net = Net()
    swaps = Swaps(net)
    take_attention_apart(net, swaps)
    net.conv = masked(Parallel(net.conv, 2, "bn_relu"))  # type: ignore[assignment]
    net.qkv = masked(Packed(Doped(nn.Linear(16, 16), 4, "identity") for _ in range(3)))  # type: ignore[assignment]
    net.middle = masked(Factorized(net.middle, 24, "gelu"))  # type: ignore[assignment]
    masked(net.attention.get_submodule("q_proj"))
    net.scale.fill_(3.0)
    net(torch.randn(4, 3, 5, 5))  # moves the norms' statistics
    return net


def small_net() -> nn.Sequential:
    """A convolution that stays dense, blocks with and without a nonlinearity; (B, 3, 8, 8) -> (B, 5)."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        masked(Parallel(nn.Conv2d(4, 6, 3, bias=False), 2, "bn_relu")),
        nn.Flatten(),
        masked(Factorized(nn.Linear(96, 8), 12, "identity")),
        masked(Factorized(nn.Linear(8, 5), 6, "gelu")),
    )


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """Every tensor, buffers outside the state included."""
    return dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))


def assert_equal_bits(one: nn.Module, other: nn.Module) -> None:
    """The same tensors, of the same dtypes."""
    ours, theirs = state_of(one), state_of(other)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.dtype == theirs[name].dtype, name
        assert torch.equal(tensor, theirs[name]), name
