"""CGSchNet as one writes it in PyTorch: a module of plain layers over an edge list, forces by autograd.

The equations are those of native/models/schnet/schnet.h, the parameter names those of the model files. Nothing here is
tuned and nothing is slowed down: it is what `torch.compile` gets to work with.
"""

import json
import math

import torch
from safetensors import safe_open
from torch import nn


class RadialBasis(nn.Module):
    def __init__(self, kind, count, lower, upper, centers, widths):
        super().__init__()
        self.kind, self.lower, self.upper = kind, lower, upper
        self.alpha = 5.0 / (upper - lower)
        self.register_buffer("centers", centers)
        self.register_buffer("widths", widths)

    def envelope(self, r):
        if self.lower > 0:
            inside = (r > self.lower) & (r < self.upper)
            turn = 2 * (r - self.lower) / (self.upper - self.lower) + 1
        else:
            inside, turn = r < self.upper, r / self.upper
        return 0.5 * (torch.cos(math.pi * turn) + 1.0) * inside

    def forward(self, r):
        t = r if self.kind == "gaussian" else torch.exp(self.alpha * (self.lower - r))
        return self.envelope(r)[:, None] * torch.exp(-self.widths * (t[:, None] - self.centers) ** 2)


class Mlp(nn.Module):
    """Linear layers with an activation between them; `layers.{0,2,…}` are the linear ones."""

    def __init__(self, widths, activation, last_bias):
        super().__init__()
        parts = []
        for k, (a, b) in enumerate(zip(widths, widths[1:])):
            last = k + 2 == len(widths)
            parts.append(nn.Linear(a, b, bias=last_bias or not last))
            if not last:
                parts.append(activation)
        self.layers = nn.Sequential(*parts)

    def forward(self, x):
        return self.layers(x)


class Convolution(nn.Module):
    def __init__(self, hidden, filters, basis, activation):
        super().__init__()
        self.lin1 = nn.Linear(hidden, filters, bias=False)
        self.lin2 = nn.Linear(filters, hidden)
        self.filter_network = Mlp([basis, filters, filters], activation, last_bias=False)

    def forward(self, x, receiver, sender, basis, envelope):
        filters = self.filter_network(basis) * envelope[:, None]
        messages = self.lin1(x)[sender] * filters
        gathered = torch.zeros(x.shape[0], messages.shape[1], dtype=x.dtype, device=x.device)
        return self.lin2(gathered.index_add(0, receiver, messages))


class Interaction(nn.Module):
    def __init__(self, hidden, filters, basis, activation):
        super().__init__()
        self.conv = Convolution(hidden, filters, basis, activation)
        self.activation = activation
        self.lin = nn.Linear(hidden, hidden)

    def forward(self, x, *edges):
        return self.lin(self.activation(self.conv(x, *edges)))


class ShiftedSoftplus(nn.Module):
    def forward(self, x):
        return nn.functional.softplus(x) - math.log(2.0)


ACTIVATIONS = {"tanh": nn.Tanh, "silu": nn.SiLU, "ssp": ShiftedSoftplus}


class CGSchNet(nn.Module):
    """Energy of every system from positions (atoms,3), species, and directed edges (receiver, sender)."""

    def __init__(self, config, centers, widths):
        super().__init__()
        hidden, filters = config["hidden"], config["filters"]
        count = config["rbf"]["count"]
        activation = ACTIVATIONS[config["activation"]]()
        cutoff = config["cutoff"]
        self.embedding_layer = nn.Embedding(config["types"], hidden)
        self.rbf_layer = RadialBasis(
            config["rbf"]["type"], count, cutoff["lower"], cutoff["upper"], centers, widths
        )
        self.interaction_blocks = nn.ModuleList(
            Interaction(hidden, filters, count, activation) for _ in range(config["blocks"])
        )
        self.output_network = Mlp([hidden, *config["head"], 1], activation, last_bias=False)

    def forward(self, positions, types, receiver, sender, system, systems):
        r = (positions[sender] - positions[receiver]).norm(dim=1)
        basis, envelope = self.rbf_layer(r), self.rbf_layer.envelope(r)
        x = self.embedding_layer(types)
        for block in self.interaction_blocks:
            x = x + block(x, receiver, sender, basis, envelope)
        energy = self.output_network(x)[:, 0]
        return torch.zeros(systems, dtype=x.dtype, device=x.device).index_add(0, system, energy)


def energy_and_forces(model, positions, *rest):
    positions = positions.detach().requires_grad_(True)
    energy = model(positions, *rest)
    (gradient,) = torch.autograd.grad(energy.sum(), positions)
    return energy.detach(), -gradient


def read_case(path):
    """A file of peers.bench.ts: tensors by name, and its configuration."""
    with safe_open(path, framework="pt") as f:
        tensors = {name: f.get_tensor(name) for name in f.keys()}
        return tensors, json.loads(f.metadata()["case"])


def model_of(tensors, config, device, dtype=torch.float32):
    model = CGSchNet(config, tensors["basis.centers"], tensors["basis.widths"])
    weights = {k: v for k, v in tensors.items() if k.split(".")[0] in dict(model.named_children())}
    missing = model.load_state_dict(weights, strict=False)
    if missing.unexpected_keys or any("rbf_layer" not in k for k in missing.missing_keys):
        raise SystemExit(f"weights do not fit the model: {missing}")
    return model.to(device, dtype).requires_grad_(False).eval()
