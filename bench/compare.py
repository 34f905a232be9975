#!/usr/bin/env python3
"""Times hone and other runtimes on the same models, side by side, and prints a table with the ratios.

    bench/compare.py [--hone build/release/bin] [--threads 1 2] [--seconds 1] [--rounds 3] [--png FILE] MODELS...

MODELS are folders with model.onnx and test_data_set_0, or folders of such folders. Each runtime runs in a process of its own, one at a time, in
turns: A B A B. All take the same inputs, with all their optimizations on; onnxruntime runs through an IO binding, so that the cost of its
Python interface does not count. A time is the median over the runs of a round, then the median over the rounds. The outputs of both are compared
with the reference of the model. openvino is one more column where the package is installed.
"""
import argparse
import glob
import json
import math
import os
import statistics
import subprocess
import sys
import time


def read_tensor(path):
    import onnx
    from onnx import numpy_helper
    tensor = onnx.TensorProto()
    with open(path, "rb") as file:
        tensor.ParseFromString(file.read())
    return numpy_helper.to_array(tensor)


def data_files(folder, kind):
    files = glob.glob(os.path.join(folder, "test_data_set_0", f"{kind}_*.pb"))
    return sorted(files, key=lambda path: int(path.rsplit("_", 1)[1][:-3]))


def peak_mb():
    # Not ru_maxrss: a process inherits that of the one that has started it.
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


def timed(run, seconds):
    end = time.perf_counter() + seconds / 5
    while time.perf_counter() < end:
        run()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def error_against(folder, outputs):
    """Largest difference to the reference over the largest reference, of all outputs of numbers."""
    import numpy
    worst = 0.0
    for path, got in zip(data_files(folder, "output"), outputs):
        wanted = read_tensor(path)
        if wanted.dtype.kind != "f" or wanted.size == 0:
            continue
        worst = max(worst, float(numpy.max(numpy.abs(got - wanted)) / max(numpy.max(numpy.abs(wanted)), 1e-30)))
    return worst


def worker_onnxruntime(folder, threads, seconds):
    import onnxruntime
    inputs = [read_tensor(path) for path in data_files(folder, "input")]
    start = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), options, providers=["CPUExecutionProvider"])
    load = time.perf_counter() - start
    binding = session.io_binding()
    for argument, value in zip(session.get_inputs(), inputs):
        binding.bind_cpu_input(argument.name, value)
    for argument in session.get_outputs():
        binding.bind_output(argument.name)
    session.run_with_iobinding(binding)
    error = error_against(folder, binding.copy_outputs_to_cpu())
    return {"median_us": timed(lambda: session.run_with_iobinding(binding), seconds), "load_ms": load * 1e3, "peak_rss_mb": peak_mb(), "error": error}


def worker_openvino(folder, threads, seconds):
    import openvino
    inputs = [read_tensor(path) for path in data_files(folder, "input")]
    core = openvino.Core()
    start = time.perf_counter()
    model = core.compile_model(os.path.join(folder, "model.onnx"), "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1})
    load = time.perf_counter() - start
    request = model.create_infer_request()
    for i, value in enumerate(inputs):
        request.set_input_tensor(i, openvino.Tensor(value))
    request.infer()
    error = error_against(folder, [request.get_output_tensor(i).data.copy() for i in range(len(model.outputs))])
    return {"median_us": timed(request.infer, seconds), "load_ms": load * 1e3, "peak_rss_mb": peak_mb(), "error": error}


WORKERS = {"onnxruntime": worker_onnxruntime, "openvino": worker_openvino}


def measure(runtime, folder, threads, seconds, tools):
    if runtime == "hone":
        command = [os.path.join(tools, "hone_bench"), os.path.join(folder, "model.onnx"), "--data", os.path.join(folder, "test_data_set_0"),
                   "--threads", str(threads), "--seconds", str(seconds)]
    else:
        command = [sys.executable, __file__, "--worker", runtime, "--threads", str(threads), "--seconds", str(seconds), folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def is_right(folder, tools, other_error):
    """Whether hone is within 1e-3 of the references, or no further from them than twice the error of the other runtime."""
    tolerance = max(1e-3, 2 * other_error) if math.isfinite(other_error) else 1e-3
    command = [os.path.join(tools, "hone_conformance"), "--metric", "max", "--rtol", str(tolerance), folder]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True).returncode == 0


def models_below(paths):
    for path in paths:
        if os.path.exists(os.path.join(path, "model.onnx")):
            yield path.rstrip("/")
        else:
            yield from sorted(os.path.dirname(model) for model in glob.glob(os.path.join(path, "*", "model.onnx")))


def draw(path, rows, threads):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(8, 0.26 * len(rows) + 1))
    height = 0.8 / len(threads)
    for k, count in enumerate(threads):
        ratios = [row[count] or 1 for _, row in rows]
        axes.barh([i + k * height for i in range(len(rows))], [ratio - 1 for ratio in ratios], height, left=1, label=f"{count} thread{'s' if count > 1 else ''}")
    axes.set_yticks([i + 0.4 - height / 2 for i in range(len(rows))], [name for name, _ in rows])
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:g}")
    axes.set_xlabel("time of onnxruntime / time of hone")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--hone", default="build/release/bin", help="folder of hone_bench and hone_conformance")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--png", help="writes the ratios as a bar chart")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(WORKERS[options.worker](options.models[0], options.threads[0], options.seconds)))
        return 0

    runtimes = ["hone", "onnxruntime"]
    try:
        import openvino  # noqa: F401
        runtimes.append("openvino")
    except ImportError:
        pass
    rows = []
    for threads in options.threads:
        print(f"\n{threads} thread{'s' if threads > 1 else ''}; times in milliseconds, memory in MB")
        header = f"{'model':24}" + "".join(f"{runtime:>13}" for runtime in runtimes) + f"{'ratio':>8}{'load':>9}{'load ort':>10}{'peak':>8}{'peak ort':>10}  outputs"
        print(header)
        ratios = []
        for folder in models_below(options.models):
            name = os.path.basename(folder)
            results = {runtime: [] for runtime in runtimes}
            for _ in range(options.rounds):
                for runtime in runtimes:
                    result = measure(runtime, folder, threads, options.seconds, options.hone)
                    if result:
                        results[runtime].append(result)

            def middle(runtime, key):
                values = [result[key] for result in results[runtime]]
                return statistics.median(values) if values else math.nan

            ratio = middle("onnxruntime", "median_us") / middle("hone", "median_us")
            if not math.isnan(ratio):
                ratios.append(ratio)
            row = next((row for known, row in rows if known == name), None)
            if row is None:
                row = {}
                rows.append((name, row))
            row[threads] = None if math.isnan(ratio) else ratio
            other = results["onnxruntime"][0]["error"] if results["onnxruntime"] else math.nan
            outputs = ("right" if is_right(folder, options.hone, other) else "WRONG") + f", onnxruntime off by {other:.0e}"
            print(f"{name:24}" + "".join(f"{middle(runtime, 'median_us') / 1e3:13.3f}" for runtime in runtimes) +
                  f"{ratio:8.2f}{middle('hone', 'load_ms'):9.1f}{middle('onnxruntime', 'load_ms'):10.1f}"
                  f"{middle('hone', 'peak_rss_mb'):8.0f}{middle('onnxruntime', 'peak_rss_mb'):10.0f}  {outputs}", flush=True)
        if ratios:
            print(f"geometric mean of onnxruntime's time / hone's time: {math.exp(statistics.fmean(map(math.log, ratios))):.2f}; "
                  f"least {min(ratios):.2f}; {sum(ratio < 1 for ratio in ratios)} of {len(ratios)} below 1")
    if options.png:
        draw(options.png, rows, options.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
