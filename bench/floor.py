#!/usr/bin/env python3
"""Prints the least time that each model could take by its multiplications and by its weights, next to the time that it takes.

    bench/floor.py [--hone build/release/bin] [--bandwidth GB/S] MODELS...

MODELS are those of compare.py. Operations are counted in the trace of a run without rewrites: 2 for each multiply-add of convolutions, matrix
products and recurrent layers. They are divided by the peak that simd_bench measures, the bytes of the weights by the bandwidth. Weights that
only Gather reads, of which a run needs but a few rows, do not count. One thread.

It is an estimate. Nothing else that a model computes is counted, nor the activations that go through memory: most models cannot reach their
floor. The default bandwidth is that of numpy's dot product over 256 MB, which one thread may exceed by other reads; Winograd's algorithm
multiplies less than is counted, and weights may stay in a cache from run to run: a model may be below its floor.
"""
import argparse
import collections
import glob
import json
import math
import os
import subprocess
import tempfile
import time

import onnx
from onnx import helper

from compare import models_below


def bench(options, folder, *arguments):
    command = [f"{options.hone}/hone_bench", f"{folder}/model.onnx", "--data", f"{folder}/test_data_set_0", "--threads", "1", *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def shapes(event, key):
    return [next(iter(entry.values())) for entry in event["args"].get(key, [])]


def operations(event):
    op = event["args"].get("op_name")
    given, made = shapes(event, "input_type_shape"), shapes(event, "output_type_shape")
    if op == "Conv":
        return 2 * math.prod(made[0]) * math.prod(given[1][1:])
    if op == "ConvTranspose":
        return 2 * math.prod(given[0]) * math.prod(given[1][1:])
    if op == "MatMul":
        return 2 * math.prod(made[0]) * given[0][-1]
    if op == "Gemm":
        rows = made[0][0]  # the first input has as many, or as many columns where it is transposed
        return 2 * math.prod(made[0]) * math.prod(given[0]) // max(1, rows)
    if op in ("LSTM", "GRU", "RNN"):
        steps = given[0][0] * given[0][1]
        return 2 * steps * (math.prod(given[1]) + math.prod(given[2]))
    return 0


def count(options, folder):
    with tempfile.TemporaryDirectory() as scratch:
        bench(options, folder, "--seconds", "0.01", "--level", "disabled", "--profile", f"{scratch}/trace")
        with open(glob.glob(f"{scratch}/*.json")[0]) as file:
            events = json.load(file)
    events = events if isinstance(events, list) else events["traceEvents"]
    runs = sum(event.get("name") == "model_run" for event in events) or 1
    return sum(operations(event) for event in events if event.get("cat") == "Node" and event.get("ph") == "X") / runs


def uses(graph):
    """Per value, the nodes of the graph and of its subgraphs that read it, and their inputs that it is."""
    readers = collections.defaultdict(list)
    for node in graph.node:
        for position, name in enumerate(node.input):
            readers[name].append((node.op_type, position))
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                for name, found in uses(inner).items():
                    readers[name] += found
    for output in graph.output:
        readers[output.name].append(("", 0))
    return readers


def weight_bytes(folder):
    """Of the model's files, without the initializers of which Gather takes rows."""
    graph = onnx.load(f"{folder}/model.onnx", load_external_data=False).graph
    readers = uses(graph)
    gathered = sum(math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
                   for tensor in graph.initializer if set(readers[tensor.name]) == {("Gather", 0)})
    return sum(os.path.getsize(path) for path in glob.glob(f"{folder}/*") if os.path.isfile(path)) - gathered


def measured_peak(options):
    # The peaks are in the head of any output, and cannot be asked for alone.
    command = [f"{options.hone}/simd_bench", "--benchmark_filter=^relu/", "--benchmark_min_time=0.01", "--benchmark_format=json"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    context = json.loads(result.stdout[result.stdout.index("{"):])["context"]
    return max(float(value) for key, value in context.items() if key.startswith("kernel_peak/") and key.endswith("float_gflops"))


def measured_bandwidth():
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import numpy
    x = numpy.ones(64 << 20, numpy.float32)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        x.dot(x)
        times.append(time.perf_counter() - start)
    return x.nbytes / min(times) * 1e-9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--hone", default="build/release/bin")
    parser.add_argument("--bandwidth", type=float)
    options = parser.parse_args()
    peak = measured_peak(options)
    bandwidth = options.bandwidth or measured_bandwidth()
    print(f"peak {peak:.0f} GFLOP/s, bandwidth {bandwidth:.0f} GB/s, one thread")
    print(f"{'model':24} {'GFLOP':>8} {'weights MB':>11} {'floor ms':>9} {'hone ms':>9} {'floor/hone':>11}")
    for folder in models_below(options.models):
        gflop = count(options, folder) * 1e-9
        weights = weight_bytes(folder) * 1e-6
        floor = max(gflop / peak, weights * 1e-3 / bandwidth) * 1e3
        taken = bench(options, folder, "--seconds", "0.5")["median_us"] * 1e-3
        print(f"{os.path.basename(folder):24} {gflop:8.2f} {weights:11.1f} {floor:9.3f} {taken:9.3f} {floor / taken:11.2f}", flush=True)


if __name__ == "__main__":
    main()
