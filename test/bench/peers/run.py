"""Times CGSchNet in PyTorch on a case that peers.bench.ts wrote, and prints one JSON row per variant.

python3 run.py CASE.safetensors [--variants eager,compile] [--repeats 20] [--seconds 20]
Times are of one evaluation of all replicas with forces, by CUDA events on a GPU; the edge list is given.
"""

import argparse
import json
import statistics
import time

import torch

from cgschnet import energy_and_forces, model_of, read_case

VARIANTS = {
    "eager": {},
    "compile": {"compile": {}},
    # What a user of PyTorch can switch on: matrix products in tf32; the compiler's CUDA graphs.
    "eager tf32": {"tf32": True},
    "compile tf32": {"tf32": True, "compile": {}},
    "compile graphs": {"compile": {"mode": "reduce-overhead"}},
    "compile graphs tf32": {"tf32": True, "compile": {"mode": "reduce-overhead"}},
}


def clock(device):
    """Runs a function and returns milliseconds."""
    if device.type == "cuda":

        def timed(body):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            body()
            end.record()
            end.synchronize()
            return begin.elapsed_time(end)

        return timed

    def timed(body):
        begin = time.perf_counter()
        body()
        return 1e3 * (time.perf_counter() - begin)

    return timed


def measure(name, options, tensors, case, device, repeats, seconds):
    torch.set_float32_matmul_precision("high" if options.get("tf32") else "highest")
    on = lambda key, dtype=None: tensors[key].to(device=device, dtype=dtype)
    systems = case["replicas"]
    arguments = (
        on("positions", torch.float32),
        on("types", torch.int64),
        on("edges", torch.int64)[0].contiguous(),
        on("edges", torch.int64)[1].contiguous(),
        torch.repeat_interleave(torch.arange(systems, device=device), case["atoms"]),
    )
    model = model_of(tensors, case["config"], device)
    if "compile" in options:
        model = torch.compile(model, dynamic=False, **options["compile"])
    last = {}

    def body():
        last["result"] = energy_and_forces(model, *arguments, systems)

    started = time.perf_counter()
    body()
    if device.type == "cuda":
        torch.cuda.synchronize()
    first = time.perf_counter() - started
    for _ in range(3):
        body()
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    timed, times, spent = clock(device), [], 0.0
    while len(times) < repeats and (len(times) < 3 or spent < 1e3 * seconds):
        times.append(timed(body))
        spent += times[-1]
    times.sort()
    at = lambda q: times[min(len(times) - 1, int(q * len(times)))]
    _, forces = last["result"]
    exact = tensors["reference.forces"].double()
    got = forces[: exact.shape[0]].double().cpu()
    return {
        "name": name,
        "ms": statistics.median(times),
        "p5": at(0.05),
        "p95": at(0.95),
        "repeats": len(times),
        "peak_bytes": torch.cuda.max_memory_allocated() if device.type == "cuda" else None,
        "force_error": ((got - exact).norm() / exact.norm()).item(),
        "first_s": first,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case")
    parser.add_argument("--variants", default="eager,compile")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    tensors, case = read_case(options.case)
    for name in options.variants.split(","):
        try:
            row = measure(
                name,
                VARIANTS[name],
                tensors,
                case,
                torch.device(options.device),
                options.repeats,
                options.seconds,
            )
        except torch.OutOfMemoryError as error:
            row = {"name": name, "failed": str(error).split(". ")[0]}
        print(json.dumps(row), flush=True)
        torch.compiler.reset()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
