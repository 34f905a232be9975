#!/usr/bin/env python3
"""Trains digits.onnx on the handwritten scans that scikit-learn ships (load_digits: 1797 scans of 8x8 pixels, 17 grey levels).

usage: train.py [--into DIR]        DIR is this folder by default

Writes digits.onnx (input `image` (N,1,8,8), 0 is paper and 1 is ink; output `probabilities` (N,10)), every scan it was not trained on
(held_out_images.npy, held_out_labels.npy) and one picture of such a scan for each digit (scans/). Needs numpy, scikit-learn and onnx.
The split, the initial weights and the order of the scans come from one seed.
"""
import argparse
import pathlib
import struct
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits

SEED = 20
HELD_OUT = 360  # scans
EPOCHS = 60
BATCH = 32


def columns(x: np.ndarray) -> np.ndarray:
    """3x3 neighbourhoods with a border of zeros. Shapes: x (N,C,H,W) -> (N,H,W,C*9)"""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))  # (N, C, H, W, 3, 3)
    n, c, h, w = x.shape
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def columns_gradient(d: np.ndarray, channels: int) -> np.ndarray:
    """Transpose of columns(). Shapes: d (N,H,W,C*9) -> (N,C,H,W)"""
    n, h, w, _ = d.shape
    d = d.reshape(n, h, w, channels, 3, 3)
    padded = np.zeros((n, channels, h + 2, w + 2), d.dtype)
    for i in range(3):
        for j in range(3):
            padded[:, :, i : i + h, j : j + w] += d[..., i, j].transpose(0, 3, 1, 2)
    return padded[:, :, 1:-1, 1:-1]


class Network:
    """Conv 3x3 - Relu - Conv 3x3 - Relu - MaxPool 2x2 - fully connected - Softmax."""

    def __init__(self, rng: np.random.Generator):
        he = lambda fan_in, *shape: rng.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)
        zeros = lambda n: np.zeros(n, np.float32)
        self.p = {
            "conv1.weight": he(9, 16, 1, 3, 3), "conv1.bias": zeros(16),
            "conv2.weight": he(144, 32, 16, 3, 3), "conv2.bias": zeros(32),
            "fc.weight": he(512, 10, 512), "fc.bias": zeros(10),
        }  # fmt: skip

    def conv(self, x, name):
        weight = self.p[name + ".weight"]
        cols = columns(x)
        y = cols @ weight.reshape(len(weight), -1).T + self.p[name + ".bias"]
        return cols, np.maximum(y, 0).transpose(0, 3, 1, 2)

    def forward(self, x):
        """Shapes: x (N,1,8,8) -> (N,10) probabilities; keeps what backward() needs."""
        self.x1, self.y1 = self.conv(x, "conv1")
        self.x2, self.y2 = self.conv(self.y1, "conv2")
        n = len(x)
        cells = self.y2.reshape(n, 32, 4, 2, 4, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, 32, 4, 4, 4)
        self.best = cells.argmax(-1)
        self.flat = cells.max(-1).reshape(n, 512)
        logits = self.flat @ self.p["fc.weight"].T + self.p["fc.bias"]
        e = np.exp(logits - logits.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def conv_gradient(self, d, y, cols, name, grads):
        d = (d * (y > 0)).transpose(0, 2, 3, 1)  # (N, H, W, O)
        flat = d.reshape(-1, d.shape[-1])
        weight = self.p[name + ".weight"]
        grads[name + ".weight"] = (flat.T @ cols.reshape(len(flat), -1)).reshape(weight.shape)
        grads[name + ".bias"] = flat.sum(0)
        return columns_gradient(d @ weight.reshape(len(weight), -1), weight.shape[1])

    def backward(self, probabilities, labels):
        """Gradients of the mean cross entropy."""
        n = len(labels)
        d = probabilities.copy()
        d[np.arange(n), labels] -= 1
        d /= n
        grads = {"fc.weight": d.T @ self.flat, "fc.bias": d.sum(0)}
        d = (d @ self.p["fc.weight"]).reshape(n, 32, 4, 4)
        cells = np.zeros((n, 32, 4, 4, 4), np.float32)
        np.put_along_axis(cells, self.best[..., None], d[..., None], -1)
        d = cells.reshape(n, 32, 4, 4, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, 32, 8, 8)
        d = self.conv_gradient(d, self.y2, self.x2, "conv2", grads)
        self.conv_gradient(d, self.y1, self.x1, "conv1", grads)
        return grads


def shifted(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each scan moved by up to one pixel either way, with a little noise. Shapes: x (N,1,8,8) -> same"""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.empty_like(x)
    for i, (dy, dx) in enumerate(rng.choice([0, 1, 1, 1, 2], (len(x), 2))):
        out[i] = padded[i, :, dy : dy + 8, dx : dx + 8]
    return out + rng.normal(0, 0.03, x.shape).astype(np.float32)


def train(x, labels, rng) -> Network:
    network = Network(rng)
    first = {k: np.zeros_like(v) for k, v in network.p.items()}
    second = {k: np.zeros_like(v) for k, v in network.p.items()}
    step = 0
    for epoch in range(EPOCHS):
        rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * epoch / EPOCHS))
        order = rng.permutation(len(x))
        loss = 0.0
        for start in range(0, len(x), BATCH):
            pick = order[start : start + BATCH]
            p = network.forward(shifted(x[pick], rng))
            loss -= np.log(p[np.arange(len(pick)), labels[pick]] + 1e-12).sum()
            step += 1
            for key, g in network.backward(p, labels[pick]).items():  # Adam
                g = g + 1e-4 * network.p[key]
                first[key] += 0.1 * (g - first[key])
                second[key] += 0.001 * (g * g - second[key])
                unbiased = first[key] / (1 - 0.9**step), second[key] / (1 - 0.999**step)
                network.p[key] -= (rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)).astype(np.float32)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {loss / len(x):.4f}")
    return network


def export(network: Network, path: pathlib.Path) -> None:
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "conv1.weight", "conv1.bias"], ["conv1"], "conv1", pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        node("Relu", ["conv1"], ["relu1"], "relu1"),
        node("Conv", ["relu1", "conv2.weight", "conv2.bias"], ["conv2"], "conv2", pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        node("Relu", ["conv2"], ["relu2"], "relu2"),
        node("MaxPool", ["relu2"], ["pool"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["pool"], ["flat"], "flatten"),
        node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], "fc", transB=1),
        node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        [numpy_helper.from_array(value, key) for key, value in network.p.items()],
    )
    model = helper.make_model(graph, producer_name="train.py", opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, path)


def write_png(path: pathlib.Path, grey: np.ndarray) -> None:
    """Shapes: grey (H,W) uint8"""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in grey)  # each row behind its filter byte
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains digits.onnx.")
    parser.add_argument("--into", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    folder = parser.parse_args().into

    rng = np.random.default_rng(SEED)
    digits = load_digits()
    scans, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    order = rng.permutation(len(scans))
    held_out, rest = order[:HELD_OUT], order[HELD_OUT:]
    as_input = lambda scans: (scans[:, None] / 16).astype(np.float32)

    network = train(as_input(scans[rest]), labels[rest], rng)
    answers = network.forward(as_input(scans[held_out])).argmax(1)
    print(f"held out: {(answers == labels[held_out]).sum()} of {HELD_OUT} right")

    export(network, folder / "digits.onnx")
    np.save(folder / "held_out_images.npy", scans[held_out])
    np.save(folder / "held_out_labels.npy", labels[held_out])
    (folder / "scans").mkdir(exist_ok=True)
    for digit in range(10):
        scan = scans[held_out[labels[held_out] == digit][0]]
        picture = np.rint(scan * (255 / 16)).astype(np.uint8)
        write_png(folder / "scans" / f"{digit}.png", 255 - picture.repeat(8, 0).repeat(8, 1))  # dark ink on white paper


if __name__ == "__main__":
    main()
