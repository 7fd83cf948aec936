"""Force-matches a CGSchNet to the analytic teacher potential less its priors, on one GPU.

    npm run teacher-data                       # build/teacher/{1ENH,CLN025}.safetensors
    python3 train.py build/teacher OUT --seconds 200
    python3 train.py build/teacher OUT2 --seconds 215 --start OUT/model.safetensors --rate 6e-4 --seed 2

are the two runs that made data/models/schnet-1enh.safetensors. Writes OUT/model.safetensors (what `loadModel` reads), OUT/curve.jsonl and OUT/report.json. Needs torch and safetensors.

The teacher less its priors is a sum over pairs of residues (lib/models/teacher.ts), so its forces are computed here for
any positions: every batch is made of sampled frames, half of them displaced at random, labelled on the spot. The model's
forces are written out by hand (the reverse pass of native/models/schnet/schnet.h, each pair once), so that the gradient
of the loss is one reverse pass through plain tensor code, which torch.compile fuses; no second derivative is taken by
autograd. The time budget sets the schedule: the learning rate falls as a cosine of the time spent.
"""

import argparse
import json
import math
import os
import time

import torch
from safetensors import safe_open
from safetensors.torch import save_file

CONFIG = {
    "hidden": 128,
    "filters": 128,
    "blocks": 4,
    "types": 25,
    "activation": "tanh",
    "head": [128, 64],
    "rbf": {"type": "expnormal", "count": 64},
    "cutoff": {"lower": 0, "upper": 15},
}


# ---- the model ----


def shapes(c):
    """Name and shape of every weight, as in lib/models/schnet-config.ts."""
    out = {"embedding_layer.weight": (c["types"], c["hidden"])}
    for l in range(c["blocks"]):
        b = f"interaction_blocks.{l}"
        out[f"{b}.conv.lin1.weight"] = (c["filters"], c["hidden"])
        out[f"{b}.conv.lin2.weight"] = (c["hidden"], c["filters"])
        out[f"{b}.conv.lin2.bias"] = (c["hidden"],)
        out[f"{b}.conv.filter_network.layers.0.weight"] = (c["filters"], c["rbf"]["count"])
        out[f"{b}.conv.filter_network.layers.0.bias"] = (c["filters"],)
        out[f"{b}.conv.filter_network.layers.2.weight"] = (c["filters"], c["filters"])
        out[f"{b}.lin.weight"] = (c["hidden"], c["hidden"])
        out[f"{b}.lin.bias"] = (c["hidden"],)
    widths = [c["hidden"], *c["head"], 1]
    for k, (a, b) in enumerate(zip(widths, widths[1:])):
        out[f"output_network.layers.{2 * k}.weight"] = (b, a)
        if k + 2 < len(widths):
            out[f"output_network.layers.{2 * k}.bias"] = (b,)
    return out


def initial_weights(c, seed, device):
    """Uniform with variance 1/inputs, small biases; lin2 divided by ten, because it sums a hundred messages."""
    g = torch.Generator().manual_seed(seed)
    last = f"output_network.layers.{2 * len(c['head'])}.weight"
    out = {}
    for name, shape in shapes(c).items():
        spread = math.sqrt(3 / shape[1]) if len(shape) == 2 else 0.1
        if name.startswith("embedding"):
            spread = 1.0
        elif name.endswith("conv.lin2.weight"):
            spread /= 10
        elif name == last:
            spread *= 0.3
        w = (2 * torch.rand(shape, generator=g) - 1) * spread
        out[name] = w.to(device).requires_grad_(True)
    return out


def radial(c, r):
    """Basis, envelope and the derivatives of both by distance: constants of the training step."""
    K, upper = c["rbf"]["count"], c["cutoff"]["upper"]
    low = math.exp(-upper)
    centers = torch.linspace(low, 1, K, device=r.device, dtype=r.dtype)
    width = (2 / K * (1 - low)) ** -2
    inside = (r < upper).to(r.dtype)
    envelope = 0.5 * (torch.cos(math.pi * r / upper) + 1) * inside
    slope = -0.5 * math.pi / upper * torch.sin(math.pi * r / upper) * inside
    alpha = 5 / upper
    e = torch.exp(-alpha * r)[:, None]
    gauss = torch.exp(-width * (e - centers) ** 2)
    basis = envelope[:, None] * gauss
    basis_slope = slope[:, None] * gauss + basis * (2 * width * alpha) * (e - centers) * e
    return basis, basis_slope, envelope[:, None], slope[:, None]


def both_ways(pairs, of_i, of_j, count):
    """Sums rows of pairs into both of their beads."""
    i, j = pairs
    out = torch.zeros(count, of_i.shape[1], dtype=of_i.dtype, device=of_i.device)
    return out.index_add(0, i, of_i).index_add(0, j, of_j)


def energy_and_forces(w, blocks, types, frame, frames, pairs, unit, basis, basis_slope, envelope, slope):
    """Energies (frames) and forces (beads,3) of all frames; pairs (2,P) each once, unit vectors from the first bead."""
    i, j = pairs
    count = types.shape[0]
    x = w["embedding_layer.weight"][types]
    kept = []
    for l in range(blocks):
        b = f"interaction_blocks.{l}."
        w1, w2 = w[b + "conv.filter_network.layers.0.weight"], w[b + "conv.filter_network.layers.2.weight"]
        h = torch.tanh(basis @ w1.T + w[b + "conv.filter_network.layers.0.bias"])
        dh = (1 - h * h) * (basis_slope @ w1.T)
        g = h @ w2.T
        filters = g * envelope
        filters_slope = (dh @ w2.T) * envelope + g * slope
        y = x @ w[b + "conv.lin1.weight"].T
        yi, yj = y[i], y[j]
        m = both_ways(pairs, filters * yj, filters * yi, count)
        t = torch.tanh(m @ w[b + "conv.lin2.weight"].T + w[b + "conv.lin2.bias"])
        x = x + t @ w[b + "lin.weight"].T + w[b + "lin.bias"]
        kept.append((filters, filters_slope, yi, yj, t))
    layers = sorted({int(k.split(".")[2]) for k in w if k.startswith("output_network")})
    hidden, z = [], x
    for k in layers[:-1]:
        z = torch.tanh(z @ w[f"output_network.layers.{k}.weight"].T + w[f"output_network.layers.{k}.bias"])
        hidden.append(z)
    each = z @ w[f"output_network.layers.{layers[-1]}.weight"].T
    energy = torch.zeros(frames, dtype=x.dtype, device=x.device).index_add(0, frame, each[:, 0])
    # The reverse pass, by hand.
    gx = w[f"output_network.layers.{layers[-1]}.weight"].expand(count, -1)
    for k, z in zip(reversed(layers[:-1]), reversed(hidden)):
        gx = (gx * (1 - z * z)) @ w[f"output_network.layers.{k}.weight"]
    along = 0.0
    for l in reversed(range(blocks)):
        b = f"interaction_blocks.{l}."
        filters, filters_slope, yi, yj, t = kept[l]
        gm = ((gx @ w[b + "lin.weight"]) * (1 - t * t)) @ w[b + "conv.lin2.weight"]
        gi, gj = gm[i], gm[j]
        along = along + ((yj * gi + yi * gj) * filters_slope).sum(1)
        if l > 0:
            gy = both_ways(pairs, filters * gj, filters * gi, count)
            gx = gx + gy @ w[b + "conv.lin1.weight"]
    pull = along[:, None] * unit
    return energy, both_ways(pairs, pull, -pull, count)


# ---- the teacher, less its priors ----


class Molecule:
    """Frames of one protein, and the pair terms that make their labels."""

    def __init__(self, path, device):
        with safe_open(path, framework="pt") as f:
            t = {name: f.get_tensor(name).to(device) for name in f.keys()}
            self.recipe = json.loads(f.metadata()["recipe"])
        self.types = t["types"].long()
        self.beads = self.types.shape[0]
        self.train, self.valid = t["train.positions"], t["valid.positions"]
        self.temperature = t["valid.temperature"]
        self.energy, self.forces = t["valid.energy"], t["valid.forces"]
        self.terms = {
            form: (t[f"{form}.tuples"].long().T, t[f"{form}.parameters"].T)
            for form in ("ashbaughHatch", "screenedCoulomb")
            if f"{form}.tuples" in t
        }
        self.triangle = torch.triu_indices(self.beads, self.beads, 1, device=device)

    def labels(self, x):
        """Energies (frames) and forces (frames,beads,3), kcal/mol and Å, of positions (frames,beads,3)."""
        x = x.double()
        energy, forces = x.new_zeros(x.shape[0]), torch.zeros_like(x)
        for form, (tuples, p) in self.terms.items():
            d = x[:, tuples[1]] - x[:, tuples[0]]
            r = d.norm(dim=2)
            if form == "ashbaughHatch":
                epsilon, sigma, scale, on, off = p
                y6 = (sigma / r) ** 6
                lj, lj_slope = 4 * epsilon * (y6 * y6 - y6), -24 * epsilon * (2 * y6 * y6 - y6) / r
                core = y6 > 0.5
                u = torch.where(core, lj + (1 - scale) * epsilon, scale * lj)
                slope = torch.where(core, lj_slope, scale * lj_slope)
            else:
                strength, kappa, on, off = p
                u = strength * torch.exp(-kappa * r) / r
                slope = -u * (kappa + 1 / r)
            t = ((r - on) / (off - on)).clamp(0, 1)
            s = 1 - t**3 * (10 - 15 * t + 6 * t * t)
            slope = slope * s - u * 30 / (off - on) * (t * (1 - t)) ** 2
            energy += (u * s).sum(1)
            pull = (slope / r)[:, :, None] * d
            forces.index_add_(1, tuples[0], pull)
            forces.index_add_(1, tuples[1], -pull)
        return energy.float(), forces.float()

    def pairs(self, x, cutoff):
        """Pairs within the cutoff of positions (frames,beads,3), beads counted through all frames."""
        a, b = self.triangle
        d2 = ((x[:, a] - x[:, b]) ** 2).sum(2)
        frame, which = (d2 < cutoff * cutoff).nonzero(as_tuple=True)
        return torch.stack((a[which], b[which])) + frame * self.beads


def assemble(parts, cutoff, capacity):
    """Frames of several molecules [(molecule, positions)] as one flat set, its pairs padded; None if they do not fit."""
    types, frame, flat, pairs, beads, frames = [], [], [], [], 0, 0
    for molecule, x in parts:
        pairs.append(molecule.pairs(x, cutoff) + beads)
        types.append(molecule.types.repeat(x.shape[0]))
        frame.append(frames + torch.arange(x.shape[0], device=x.device).repeat_interleave(molecule.beads))
        flat.append(x.reshape(-1, 3))
        beads, frames = beads + x.shape[0] * molecule.beads, frames + x.shape[0]
    pairs, flat = torch.cat(pairs, 1), torch.cat(flat)
    found = pairs.shape[1]
    d = flat[pairs[1]] - flat[pairs[0]]
    if capacity is not None:
        if found > capacity:
            return None
        # Spare places hold a pair at the cutoff, which does nothing.
        pairs = torch.nn.functional.pad(pairs, (0, capacity - found))
        d = torch.nn.functional.pad(d, (0, 0, 0, capacity - found))
        d[found:, 0] = cutoff
    r = d.norm(dim=1)
    return torch.cat(types), torch.cat(frame), frames, pairs, d / r[:, None], r


# ---- learning ----


def huber(error, knee):
    """Squares up to the knee, straight lines beyond it."""
    size = error.abs()
    return torch.where(size < knee, error * error, knee * (2 * size - knee)).mean()


def loss_of(w, blocks, batch, geometry, energy, forces, per_frame):
    got_energy, got_forces = energy_and_forces(w, blocks, *batch, *geometry)
    force_loss = huber(got_forces - forces, 10.0)
    energy_loss = (((got_energy - energy) ** 2) / per_frame).mean()
    return force_loss + 0.01 * energy_loss, force_loss


def draw(molecule, count, noise):
    """Frames picked at random, half of them displaced by normal noise of up to `noise` Å."""
    x = molecule.train[torch.randint(len(molecule.train), (count,), device=molecule.train.device)]
    size = noise * torch.rand(count, 1, 1, device=x.device) * (torch.rand(count, 1, 1, device=x.device) < 0.5)
    return x + size * torch.randn_like(x)


@torch.no_grad()
def validate(w, molecules, config, most=None, chunk=16):
    """Errors on held-out frames, all of them or `most`, in float32 throughout."""
    torch.set_float32_matmul_precision("highest")
    out = {}
    for name, molecule in molecules.items():
        step = 1 if most is None else max(1, len(molecule.valid) // most)
        pick = torch.arange(0, len(molecule.valid), step, device=molecule.valid.device)
        energies, forces = [], []
        for part in pick.split(chunk):
            types, frame, frames, pairs, unit, r = assemble(
                [(molecule, molecule.valid[part])], config["cutoff"]["upper"], None
            )
            e, f = energy_and_forces(
                w, config["blocks"], types, frame, frames, pairs, unit, *radial(config, r)
            )
            energies.append(e)
            forces.append(f.reshape(len(part), molecule.beads, 3))
        e, f = torch.cat(energies).double(), torch.cat(forces).double()
        exact_e, exact_f = molecule.energy[pick].double(), molecule.forces[pick].double()
        temperature = molecule.temperature[pick]
        for label, chosen in {"all": temperature > 0, "300 K": temperature == 300}.items():
            df, de = f[chosen] - exact_f[chosen], e[chosen] - exact_e[chosen]
            spread = exact_e[chosen] - exact_e[chosen].mean()
            out[f"{name} {label}"] = {
                "frames": int(chosen.sum()),
                "force_rms": exact_f[chosen].pow(2).mean().sqrt().item(),
                "force_rmse": df.pow(2).mean().sqrt().item(),
                "force_mae": df.abs().mean().item(),
                "force_relative": (df.norm() / exact_f[chosen].norm()).item(),
                "energy_std": spread.pow(2).mean().sqrt().item(),
                "energy_mean_error": de.mean().item(),
                "energy_rmse": de.pow(2).mean().sqrt().item(),
                "energy_r": torch.corrcoef(torch.stack((e[chosen], exact_e[chosen])))[0, 1].item(),
            }
    return out


def save(path, w, config, provenance):
    header = {
        "family": "schnet",
        "config": config,
        "units": {"energy": "kcal/mol", "length": "Å"},
        "name": "schnet-1enh",
        "provenance": provenance,
    }
    tensors = {k: v.detach().float().cpu().contiguous() for k, v in w.items()}
    save_file(tensors, path, metadata={"mdlab": json.dumps(header, ensure_ascii=False)})


def check_labels(molecules):
    """The labels made here are those that mdlab computed for the held-out frames."""
    for name, m in molecules.items():
        energy, forces = m.labels(m.valid[:64])
        worst = ((forces - m.forces[:64]).norm() / m.forces[:64].norm()).item()
        print(f"{name}: {len(m.train)} frames, labels agree with mdlab's to {worst:.1e}", flush=True)
        if not worst < 1e-5 or not torch.allclose(energy, m.energy[:64], rtol=1e-4, atol=1e-2):
            raise SystemExit(f"{name}: labels differ from mdlab's")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("out")
    parser.add_argument("--seconds", type=float, default=200)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--large", type=int, default=24, help="frames of 1ENH in a batch")
    parser.add_argument("--small", type=int, default=64, help="frames of CLN025 in a batch")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--noise", type=float, default=0.2, help="Å")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--every", type=float, default=15, help="seconds between validations")
    parser.add_argument("--start", help="a model file to go on from")
    options = parser.parse_args()
    started = time.perf_counter()
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    config, cutoff = CONFIG, CONFIG["cutoff"]["upper"]
    molecules = {n: Molecule(os.path.join(options.data, f"{n}.safetensors"), device) for n in ("1ENH", "CLN025")}
    check_labels(molecules)
    counts = {"1ENH": options.large, "CLN025": options.small}
    parts = lambda: [(m, draw(m, counts[n], options.noise)) for n, m in molecules.items() if counts[n]]
    sizes = [assemble(parts(), cutoff, None)[3].shape[1] for _ in range(20)]
    capacity = -(-int(1.03 * max(sizes)) // 4096) * 4096
    w = initial_weights(config, options.seed, device)
    if options.start:
        with safe_open(options.start, framework="pt") as f:
            for k in w:
                w[k].data.copy_(f.get_tensor(k))
    average = {k: v.detach().clone() for k, v in w.items()}
    optimizer = torch.optim.Adam(w.values(), lr=options.rate, betas=(0.9, 0.99), fused=device.type == "cuda")
    step_loss = loss_of if options.eager else torch.compile(loss_of, dynamic=False)
    print(f"{sum(v.numel() for v in w.values())} weights, {capacity} pairs a batch", flush=True)
    os.makedirs(options.out, exist_ok=True)
    curve = open(os.path.join(options.out, "curve.jsonl"), "w")
    earlier = (
        f"force-matched to the analytic teacher potential less its priors (lib/models/teacher.ts) on 1ENH and CLN025 "
        f"beads by data/models/train/train.py, torch {torch.__version__}"
    )
    if options.start:
        with safe_open(options.start, framework="pt") as f:
            earlier = json.loads(f.metadata()["mdlab"])["provenance"]
    describe = lambda step: f"{earlier}; {step} steps, rate {options.rate}, seed {options.seed}"
    step, next_check, sums, first = 0, time.perf_counter() + options.every, torch.zeros((), device=device), None
    since, begin = 0, None
    while True:
        batch = parts()
        labels = [m.labels(x) for m, x in batch]
        energy = torch.cat([e for e, _ in labels])
        forces = torch.cat([f.reshape(-1, 3) for _, f in labels])
        per_frame = torch.cat([torch.full_like(e, float(m.beads)) for (m, _), (e, _) in zip(batch, labels)])
        flat = assemble(batch, cutoff, capacity)
        if flat is None:
            continue
        *fixed, unit, r = flat
        torch.set_float32_matmul_precision("high")
        loss, force_loss = step_loss(
            w, config["blocks"], fixed, (unit, *radial(config, r)), energy, forces, per_frame
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(w.values()), 1.0)
        if begin is None:  # compiling is not learning
            begin = time.perf_counter()
            print(f"first step after {begin - started:.1f} s", flush=True)
        spent = (time.perf_counter() - begin) / max(1e-9, options.seconds - (begin - started))
        rate = options.rate * min(1, (step + 1) / 300) * (0.5 * (1 + math.cos(math.pi * min(1, spent))) + 1e-3)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        with torch.no_grad():
            keep = min(0.999, (step + 1) / (step + 10))
            torch._foreach_lerp_(list(average.values()), [v.detach() for v in w.values()], 1 - keep)
        sums += force_loss.detach()
        step, since = step + 1, since + 1
        if time.perf_counter() > next_check or spent >= 1:
            found = validate(average, molecules, config, most=48)
            row = {
                "step": step,
                "seconds": time.perf_counter() - started,
                "rate": rate,
                "train_rmse": math.sqrt(sums.item() / since),
                **{k: v["force_relative"] for k, v in found.items()},
                "energy_r": found["1ENH 300 K"]["energy_r"],
            }
            print(json.dumps({k: round(v, 6) for k, v in row.items()}), flush=True)
            curve.write(json.dumps(row) + "\n")
            curve.flush()
            save(os.path.join(options.out, "model.safetensors"), average, config, describe(step))
            sums.zero_()
            since, next_check = 0, time.perf_counter() + options.every
        if spent >= 1:
            break
    report = {
        "steps": step,
        "seconds": time.perf_counter() - started,
        "batch": {**counts, "pairs": capacity},
        "options": vars(options),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        "peak_gb": torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else None,
        "data": {n: m.recipe for n, m in molecules.items()},
        "held_out": validate(average, molecules, config),
    }
    with open(os.path.join(options.out, "report.json"), "w") as f:
        json.dump(report, f, indent=1)
    print(json.dumps(report["held_out"], indent=1))


if __name__ == "__main__":
    main()
