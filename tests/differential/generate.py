#!/usr/bin/env python3
"""Writes random cases in the layout of the ONNX backend tests, with the outputs of onnxruntime as the reference.

usage: generate.py [--seed N] [--cases N] [--filter GLOB] FOLDER

Each case is one node with random shapes, attributes and opset. The same seed gives the same cases. A case that onnxruntime refuses is left
out and counted: it has no kernel for every type that ONNX allows.
"""
import argparse
import collections
import fnmatch
import pathlib
import shutil
import sys
import zlib

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from case import CONTRIB, FAMILIES, FLOATS, INTEGERS, NUMBERS, Case, Draw, Omitted, family, type_of
import learning, quantized, sequences, shapes, signals, texts, vision  # each adds families

# Those of ai.onnx that onnxruntime takes.
OPSETS = 7, 26

# Elementwise.

DOMAIN = {"Acos": (-1, 1), "Asin": (-1, 1), "Atanh": (-0.95, 0.95), "Acosh": (1, 5), "Log": (0.01, 9), "Sqrt": (0, 9), "Reciprocal": (0.1, 4)}


@family("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf", "Exp", "Floor", "Log", "Neg", "Reciprocal", "Relu",
        "Round", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Tan", "Tanh", "IsNaN", "HardSwish", "Mish")
def unary(draw, op):
    low, high = DOMAIN.get(op, (-3, 3))
    dtype = draw.one_of(FLOATS if op not in ("Abs", "Neg", "Sign", "Relu") else FLOATS + [np.int32, np.int64, np.int8])
    return Case(op, [draw.array(draw.shape(), dtype, low, high)])


@family("Elu", "LeakyRelu", "Celu", "ThresholdedRelu", "HardSigmoid", "Selu", "Shrink", "Gelu")
def unary_with_numbers(draw, op):
    names = {"HardSigmoid": ["alpha", "beta"], "Selu": ["alpha", "gamma"], "Shrink": ["lambd", "bias"], "Gelu": []}.get(op, ["alpha"])
    settings = {name: float(draw.random.uniform(0.1, 2)) for name in names if draw.chance(0.6)}
    if op == "Gelu" and draw.chance(0.5):
        settings["approximate"] = "tanh"
    return Case(op, [draw.array(draw.shape(), np.float32)], **settings)


@family("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Mod", "PRelu", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal")
def binary(draw, op):
    shape = draw.shape()
    dtype = draw.one_of([np.float32, np.float64, np.int32, np.int64] if op in ("Pow", "PRelu", "Equal") else NUMBERS)
    settings = {}
    if op == "Mod":
        settings = {"fmod": 1} if np.dtype(dtype).kind == "f" or draw.chance(0.3) else {}
    a = draw.array(shape if op == "PRelu" or draw.chance(0.7) else draw.broadcast(shape), dtype, 0 if op == "Pow" else -9, 9)
    b = draw.array(draw.broadcast(shape), dtype, 1 if op in ("Div", "Mod") else 0 if op == "Pow" else -9, 4)
    if op in ("Div", "Mod") and np.dtype(dtype).kind == "i":
        b = np.where(draw.random.random(b.shape) < 0.5, -b, b).astype(dtype)
    return Case(op, [a, b], **settings)


@family("And", "Or", "Xor")
def logical(draw, op):
    shape = draw.shape()
    return Case(op, [draw.array(shape, np.bool_), draw.array(draw.broadcast(shape), np.bool_)])


@family("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift")
def bitwise(draw, op):
    shape = draw.shape()
    dtype = draw.one_of([t for t in INTEGERS if op != "BitShift" or np.dtype(t).kind == "u"])
    settings = {"direction": draw.one_of(["LEFT", "RIGHT"])} if op == "BitShift" else {}
    return Case(op, [draw.array(shape, dtype, -100, 100), draw.array(draw.broadcast(shape), dtype, 0, 7)], **settings)


@family("Sum", "Mean")
def variadic(draw, op):
    shape = draw.shape()
    return Case(op, [draw.array(draw.broadcast(shape), np.float32) for _ in range(draw.integer(1, 4))])


@family("Where")
def where(draw, op):
    shape = draw.shape()
    dtype = draw.one_of([np.float32, np.int64, np.uint8, np.int32])
    return Case(op, [draw.array(draw.broadcast(shape), np.bool_), draw.array(draw.broadcast(shape), dtype), draw.array(draw.broadcast(shape), dtype)])


@family("Clip")
def clip(draw, op):
    dtype = draw.one_of([np.float32, np.float64, np.int32, np.int64, np.int8, np.uint8])
    low = draw.array([], dtype, 0, 1) if draw.chance(0.7) else Omitted
    high = draw.array([], dtype, 1, 2) if draw.chance(0.7) else Omitted
    return Case(op, [draw.array(draw.shape(), dtype), low, high])


@family("Cast")
def cast(draw, op):
    kinds = [np.float32, np.float64, np.float16, np.int32, np.int64, np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.uint64, np.bool_]
    to = helper.np_dtype_to_tensor_dtype(np.dtype(draw.one_of(kinds)))
    return Case(op, [draw.array(draw.shape(), draw.one_of(kinds), 0, 100)], to=int(to))


# Reductions and rows.


@family("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
        "ReduceLogSumExp")
def reduction(draw, op):
    # Of integers onnxruntime cuts each term of the sum of exponentials, not only the result.
    kinds = [np.float32, np.float64] if op == "ReduceLogSumExp" else [np.float32, np.float32, np.int32, np.float64]
    x = draw.array(draw.shape(1, 5, empty=False), draw.one_of(kinds), 0.5 if op == "ReduceLogSum" else -2, 2)
    if op == "ReduceLogSum":
        x = np.abs(x) + x.dtype.type(1)
    axes = sorted(set(draw.axis(x.ndim) % x.ndim for _ in range(draw.integer(1, x.ndim))))
    axes = [a - x.ndim if draw.chance(0.3) else a for a in axes]
    settings = {"keepdims": draw.integer(0, 1)}
    opset = draw.one_of([11, 13, 18, 20])
    as_input = opset >= (13 if op == "ReduceSum" else 18)
    if draw.chance(0.2):
        return Case(op, [x], model_opset=opset, **settings)
    if as_input:
        return Case(op, [x, np.array(axes, np.int64)], model_opset=opset, constant=[1] if draw.chance(0.6) else [], **settings)
    return Case(op, [x], model_opset=opset, axes=axes, **settings)


@family("ArgMax", "ArgMin")
def arg(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), draw.one_of([np.float32, np.int32]))
    return Case(op, [x], axis=draw.axis(x.ndim), keepdims=draw.integer(0, 1), select_last_index=draw.integer(0, 1))


@family("Softmax", "LogSoftmax", "Hardmax")
def softmax(draw, op):
    x = draw.array(draw.shape(1, 4), draw.one_of([np.float32, np.float64]))
    return Case(op, [x], model_opset=draw.one_of([11, 13, 18]), axis=draw.axis(x.ndim))


@family("CumSum")
def cumulative(draw, op):
    x = draw.array(draw.shape(1, 4), draw.one_of([np.float32, np.float64, np.int32, np.int64]))
    return Case(op, [x, np.array(draw.axis(x.ndim), np.int64)], exclusive=draw.integer(0, 1), reverse=draw.integer(0, 1))


@family("LayerNormalization")
def layer_normalization(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), np.float32)
    axis = draw.axis(x.ndim)
    tail = list(x.shape)[axis % x.ndim :]
    bias = draw.array(tail) if draw.chance(0.7) else Omitted
    return Case(op, [x, draw.array(tail), bias], outputs=draw.one_of([1, 3]), axis=axis, model_opset=17)


@family("BatchNormalization")
def batch_normalization(draw, op):
    x = draw.array(draw.shape(2, 5), np.float32)
    c = [x.shape[1]]
    return Case(op, [x, draw.array(c), draw.array(c), draw.array(c), draw.array(c, np.float32, 0.1, 2)], constant=range(1, 5) if draw.chance(0.5) else [])


@family("InstanceNormalization")
def instance_normalization(draw, op):
    """Of planes with more than one element: "y = scale * (x - mean) / sqrt(variance + epsilon) + B", says ONNX, so that y = B in the others, where
    onnxruntime leaves the rounding of scale * mean / sqrt(epsilon)."""
    x = draw.array([*draw.shape(2, 4, empty=False), draw.integer(2, 5)], np.float32)
    return Case(op, [x, draw.array([x.shape[1]]), draw.array([x.shape[1]])])


@family("LpNormalization")
def lp_normalization(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), np.float32)
    return Case(op, [x], axis=draw.axis(x.ndim), p=draw.integer(1, 2))


@family("LRN")
def lrn(draw, op):
    return Case(op, [draw.array(draw.shape(4, 4, empty=False), np.float32)], size=draw.one_of([1, 3, 5]), alpha=0.01, beta=0.7, bias=1.5)


@family("TopK")
def topk(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), np.float32)
    axis = draw.axis(x.ndim)
    k = np.array([draw.integer(0, x.shape[axis])], np.int64)
    return Case(op, [x, k], outputs=2, axis=axis, largest=draw.integer(0, 1), sorted=1)


# Movement.


@family("Transpose")
def transpose(draw, op):
    x = draw.array(draw.shape(0, 6), draw.one_of([np.float32, np.int64, np.uint8, np.float16, np.bool_]))
    settings = {} if x.ndim == 0 or draw.chance(0.2) else {"perm": [int(i) for i in draw.random.permutation(x.ndim)]}
    return Case(op, [x], **settings)


@family("Concat")
def concat(draw, op):
    shape = draw.shape(1, 4)
    axis = draw.axis(len(shape))
    parts = []
    for _ in range(draw.integer(1, 4)):
        own = list(shape)
        own[axis] = draw.integer(0, 5)
        parts.append(own)
    dtype = draw.one_of([np.float32, np.int64, np.uint8])
    return Case(op, [draw.array(own, dtype) for own in parts], axis=axis)


@family("Split")
def split(draw, op):
    shape = draw.shape(1, 4, empty=False)
    axis = draw.axis(len(shape))
    pieces = draw.integer(1, 4)
    sizes = [draw.integer(0, 4) for _ in range(pieces)]
    shape[axis] = sum(sizes)
    opset = draw.one_of([11, 13, 18])
    x = draw.array(shape, np.float32)
    if opset < 13:
        return Case(op, [x], outputs=pieces, model_opset=opset, axis=axis, split=sizes)
    return Case(op, [x, np.array(sizes, np.int64)], outputs=pieces, model_opset=opset, constant=[1], axis=axis)


@family("Slice")
def slice_(draw, op):
    x = draw.array(draw.shape(1, 5, empty=False), draw.one_of([np.float32, np.int64, np.uint8]))
    axes = sorted(draw.random.permutation(x.ndim)[: draw.integer(1, x.ndim)].tolist())
    bound = [draw.one_of([0, 1, -1, 2, -2, 5, -100, 100, 2**62, -(2**62)]) for _ in range(2 * len(axes))]
    steps = [draw.one_of([1, 1, 2, -1, -2, 3]) for _ in axes]
    kind = draw.one_of([np.int32, np.int64])
    clip_to = np.iinfo(kind)
    # "for negative stepping it is clamped to [-1, dims[axes[i]]-1]", says ONNX of ends; onnxruntime takes the largest number as no end.
    for i, step in enumerate(steps):
        if step < 0 and bound[len(axes) + i] == 2**62:
            bound[len(axes) + i] = 100
    cut = lambda values: np.array(np.clip(values, clip_to.min, clip_to.max), kind)
    return Case(op, [x, cut(bound[: len(axes)]), cut(bound[len(axes) :]), cut(axes), cut(steps)], constant=range(1, 5) if draw.chance(0.5) else [])


@family("Pad")
def pad(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), draw.one_of([np.float32, np.int32, np.int64]))
    mode = draw.one_of(["constant", "edge", "reflect", "wrap"])
    least = -1 if mode == "constant" else 0
    pads = [draw.integer(least, 2) if x.shape[i % x.ndim] > 2 else 0 for i in range(2 * x.ndim)]
    value = draw.array([], x.dtype) if draw.chance(0.6) else Omitted
    return Case(op, [x, np.array(pads, np.int64), value], mode=mode, model_opset=19)


@family("Tile")
def tile(draw, op):
    x = draw.array(draw.shape(1, 4), draw.one_of([np.float32, np.int64]))
    return Case(op, [x, np.array([draw.integer(0, 3) for _ in x.shape], np.int64)])


@family("Expand")
def expand(draw, op):
    shape = draw.shape()
    return Case(op, [draw.array(draw.broadcast(shape), np.float32), np.array(shape, np.int64)])


@family("Gather")
def gather(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), draw.one_of([np.float32, np.int64, np.uint8]))
    axis = draw.axis(x.ndim)
    size = x.shape[axis]
    return Case(op, [x, draw.array(draw.shape(0, 3), draw.one_of([np.int32, np.int64]), -size, size - 1)], axis=axis)


@family("GatherElements")
def gather_elements(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), np.float32)
    axis = draw.axis(x.ndim)
    shape = [draw.integer(1, dim) for dim in x.shape]
    return Case(op, [x, draw.array(shape, np.int64, -x.shape[axis], x.shape[axis] - 1)], axis=axis)


@family("GatherND")
def gather_nd(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), np.float32)
    depth = draw.integer(1, x.ndim)
    rows = draw.shape(0, 2)
    index = np.stack([draw.array(rows, np.int64, -dim, dim - 1) for dim in x.shape[:depth]], axis=-1)
    return Case(op, [x, index])


@family("ScatterElements")
def scatter_elements(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), np.float32)
    axis = draw.axis(x.ndim)
    reduction = draw.one_of(["none", "add", "mul", "max", "min"])
    shape = [draw.integer(1, dim) for dim in x.shape]
    size = x.shape[axis]
    index = draw.array(shape, np.int64, 0, size - 1)
    if reduction == "none":  # of equal indices any may win
        shape[axis] = draw.integer(1, size)
        order = np.argsort(draw.random.random([*shape[: axis % x.ndim], size, *shape[axis % x.ndim + 1 :]]), axis=axis)
        index = np.take(order, range(shape[axis]), axis=axis).astype(np.int64)
    return Case(op, [x, index, draw.array(shape)], axis=axis, reduction=reduction, model_opset=18)


@family("ScatterND")
def scatter_nd(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), np.float32)
    depth = draw.integer(1, x.ndim)
    count = draw.integer(1, int(np.prod(x.shape[:depth])))
    cells = draw.random.permutation(int(np.prod(x.shape[:depth])))[:count]
    index = np.stack(np.unravel_index(cells, x.shape[:depth]), axis=-1).astype(np.int64)
    return Case(op, [x, index, draw.array([count, *x.shape[depth:]])], reduction=draw.one_of(["none", "add", "mul"]), model_opset=16)


@family("OneHot")
def one_hot(draw, op):
    depth = draw.integer(1, 6)
    return Case(op, [draw.array(draw.shape(0, 3), np.int64, -depth, depth), np.array(depth, np.int64), draw.array([2], np.float32)], axis=-1)


@family("Trilu")
def trilu(draw, op):
    return Case(op, [draw.array(draw.shape(2, 4), np.float32), np.array(draw.integer(-4, 4), np.int64)], upper=draw.integer(0, 1))


@family("DepthToSpace", "SpaceToDepth")
def depth_to_space(draw, op):
    block = draw.integer(1, 3)
    shape = [draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 4), draw.integer(1, 4)]
    settings = {}
    if op == "DepthToSpace":
        shape[1] *= block * block
        settings["mode"] = draw.one_of(["DCR", "CRD"])
    else:
        shape[2] *= block
        shape[3] *= block
    return Case(op, [draw.array(shape)], blocksize=block, **settings)


@family("Reshape")
def reshape(draw, op):
    x = draw.array(draw.shape(0, 4, empty=False), np.float32)
    return Case(op, [x, np.array(draw.one_of([[-1], [1, -1], list(x.shape) + [1], [0, -1] if x.ndim > 1 else [-1]]), np.int64)])


@family("Unique")
def unique(draw, op):
    x = draw.array(draw.shape(1, 3, empty=False), draw.one_of([np.float32, np.int64]), 0, 3)
    x = np.round(x).astype(x.dtype)
    settings = {"axis": draw.axis(x.ndim)} if draw.chance(0.4) else {}
    return Case(op, [x], outputs=4, sorted=draw.integer(0, 1), **settings)


@family("NonZero")
def non_zero(draw, op):
    return Case(op, [draw.array(draw.shape(1, 4), draw.one_of([np.int64, np.bool_]), 0, 1)])


@family("Resize")
def resize(draw, op):
    x = draw.array([1, draw.integer(1, 3), draw.integer(1, 9), draw.integer(1, 9)])
    mode = draw.one_of(["nearest", "linear", "cubic"])
    transform = draw.one_of(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"])
    settings = {"mode": mode, "coordinate_transformation_mode": transform}
    if mode == "nearest":
        settings["nearest_mode"] = draw.one_of(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    sizes = np.array([*x.shape[:2], draw.integer(1, 15), draw.integer(1, 15)], np.int64)
    if draw.chance(0.5):
        return Case(op, [x, Omitted, Omitted, sizes], constant=[3], model_opset=draw.one_of([13, 18, 19]), **settings)
    scales = np.array([1, 1, draw.one_of([0.5, 1, 2, 3, 1.5]), draw.one_of([0.5, 1, 2, 3, 2.5])], np.float32)
    if transform == "align_corners":
        # The suite's test_resize_downsample_scales_linear_align_corners wants size * scale unrounded, which onnxruntime rounds.
        scales = np.round(scales + 0.1).astype(np.float32)
    return Case(op, [x, Omitted, scales], constant=[2], model_opset=draw.one_of([13, 18, 19]), **settings)


# Products.


@family("MatMul")
def matmul(draw, op):
    m, n, k = draw.dim(), draw.dim(), draw.dim()
    batch = draw.shape(0, 3)
    a = draw.array([*batch, m, k] if draw.chance(0.85) else [k], draw.one_of([np.float32, np.float32, np.float64]))
    b = draw.array([*draw.broadcast(batch), k, n] if draw.chance(0.85) else [k], a.dtype)
    return Case(op, [a, b], constant=[1] if draw.chance(0.5) else [])


@family("Gemm")
def gemm(draw, op):
    m, n, k = draw.dim(), draw.dim(), draw.dim()
    ta, tb = draw.integer(0, 1), draw.integer(0, 1)
    inputs = [draw.array([k, m] if ta else [m, k]), draw.array([n, k] if tb else [k, n])]
    if draw.chance(0.7):
        inputs.append(draw.array(draw.one_of([[n], [m, n], [m, 1], [1, n], [1], []])))
    return Case(op, inputs, constant=[1] if draw.chance(0.5) else [], transA=ta, transB=tb, alpha=draw.one_of([1.0, 0.5]), beta=draw.one_of([1.0, 2.0]))


@family("Einsum")
def einsum(draw, op):
    sizes = {letter: draw.integer(1, 5) for letter in "abcd"}
    equation = draw.one_of(["ab,bc->ac", "ab,bc", "abc->cab", "ab->b", "ab,ab->", "abc,acd->abd", "aab->ab", "a,b->ab", "...a,ab->...b", "abc,cd"])
    terms = equation.split("->")[0].split(",")
    shapes = [[sizes[letter] for letter in term.replace("...", "")] for term in terms]
    return Case(op, [draw.array(([3] if "..." in term else []) + shape) for term, shape in zip(terms, shapes)], equation=equation)


def window(draw, rank, size):
    kernel = [draw.integer(1, min(3, s)) for s in size]
    settings = {"kernel_shape": kernel, "strides": [draw.integer(1, 3) for _ in range(rank)]}
    if draw.chance(0.3):
        settings["auto_pad"] = draw.one_of(["SAME_UPPER", "SAME_LOWER", "VALID"])
    else:
        settings["pads"] = [draw.integer(0, k - 1) for k in kernel * 2]
    return settings


@family("Conv", "ConvTranspose")
def conv(draw, op):
    rank = draw.integer(1, 3)
    group = draw.one_of([1, 1, 1, 2, 3])
    inputs, outputs = group * draw.integer(1, 5), group * draw.integer(1, 9)
    if draw.chance(0.2):
        group, outputs = inputs, inputs * draw.integer(1, 2)
    size = [draw.integer(3, 12) for _ in range(rank)]
    settings = window(draw, rank, size)
    if "auto_pad" not in settings and draw.chance(0.3):
        settings["dilations"] = [draw.integer(1, 2) for _ in range(rank)]
        size = [s + 4 for s in size]
    if op == "ConvTranspose":
        settings.pop("auto_pad", None)
        weights = [inputs, outputs // group, *settings["kernel_shape"]]
    else:
        weights = [outputs, inputs // group, *settings["kernel_shape"]]
    values = [draw.array([draw.integer(1, 2), inputs, *size]), draw.array(weights)]
    if draw.chance(0.6):
        values.append(draw.array([outputs]))
    return Case(op, values, constant=range(1, len(values)) if draw.chance(0.7) else [], group=group, **settings)


@family("MaxPool", "AveragePool", "LpPool")
def pool(draw, op):
    rank = draw.integer(1, 3)
    size = [draw.integer(3, 12) for _ in range(rank)]
    settings = window(draw, rank, size)
    if op != "LpPool":
        settings["ceil_mode"] = draw.integer(0, 1) if "auto_pad" not in settings else 0
    if op == "AveragePool":
        settings["count_include_pad"] = draw.integer(0, 1)
    if op == "LpPool":
        settings["p"] = draw.integer(1, 3)
        if "auto_pad" in settings:
            # "auto_pad" pads, says ONNX. Where windows leave gaps, LpPool of onnxruntime cuts the input instead, unlike its other pools.
            settings["strides"] = [min(pair) for pair in zip(settings.get("strides", [1] * rank), settings["kernel_shape"])]
    x = draw.array([draw.integer(1, 2), draw.integer(1, 4), *size])
    return Case(op, [x], outputs=2 if op == "MaxPool" and draw.chance(0.3) else 1, model_opset=draw.one_of([12, 18]), **settings)


@family("GlobalAveragePool", "GlobalMaxPool")
def global_pool(draw, op):
    return Case(op, [draw.array(draw.shape(3, 5, empty=False), np.float32)])


@family("LSTM", "GRU", "RNN")
def recurrent(draw, op):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    steps, batch, size, hidden = draw.integer(1, 5), draw.integer(1, 3), draw.integer(1, 5), draw.integer(1, 5)
    direction = draw.one_of(["forward", "reverse", "bidirectional"])
    ways = 2 if direction == "bidirectional" else 1
    inputs = [draw.array([steps, batch, size]), draw.array([ways, gates * hidden, size], low=-1, high=1),
              draw.array([ways, gates * hidden, hidden], low=-1, high=1)]
    inputs.append(draw.array([ways, 2 * gates * hidden]) if draw.chance(0.6) else Omitted)
    inputs.append(draw.array([batch], np.int32, 1, steps) if draw.chance(0.4) else Omitted)
    inputs.append(draw.array([ways, batch, hidden], low=-1, high=1) if draw.chance(0.5) else Omitted)
    if op == "LSTM":
        inputs.append(draw.array([ways, batch, hidden], low=-1, high=1) if draw.chance(0.5) else Omitted)
        inputs.append(draw.array([ways, 3 * hidden], low=-1, high=1) if draw.chance(0.3) else Omitted)
    settings = {"linear_before_reset": draw.integer(0, 1)} if op == "GRU" else {}
    return Case(op, inputs, outputs=3 if op == "LSTM" else 2, constant=[1, 2], direction=direction, hidden_size=hidden, **settings)


# Operators of ONNX Runtime.


@family("FastGelu", "BiasGelu", "QuickGelu")
def gelu(draw, op):
    x = draw.array(draw.shape(2, 4, empty=False), np.float32)
    inputs = [x] if op == "QuickGelu" or (op == "FastGelu" and draw.chance(0.4)) else [x, draw.array([x.shape[-1]])]
    return Case(op, inputs, domain=CONTRIB)


@family("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
def skip_layer_normalization(draw, op):
    x = draw.array([draw.integer(1, 3), draw.integer(1, 4), draw.integer(1, 17)])
    row = [x.shape[2]]
    inputs = [x, draw.array(x.shape), draw.array(row)]
    if op == "SkipLayerNormalization":
        inputs.append(draw.array(row) if draw.chance(0.7) else Omitted)
    if draw.chance(0.5):
        inputs.append(draw.array(row))
    names = ["y", "", "", "sum"] if draw.chance(0.5) else ["y"]
    return Case(op, inputs, names=names, domain=CONTRIB, epsilon=1e-5)


@family("EmbedLayerNormalization")
def embed_layer_normalization(draw, op):
    batch, length, hidden, words = draw.integer(1, 3), draw.integer(1, 4), draw.integer(1, 9), 7
    with_segments = draw.chance(0.5)
    inputs = [draw.array([batch, length], np.int32, 0, words - 1), draw.array([batch, length], np.int32, 0, 1) if with_segments else Omitted,
              draw.array([words, hidden]), draw.array([6, hidden]), draw.array([2, hidden]) if with_segments else Omitted,
              draw.array([hidden]), draw.array([hidden]), draw.array([batch, length], np.int32, 0, 1) if draw.chance(0.5) else Omitted]
    if draw.chance(0.4):
        inputs.append(draw.array([draw.one_of([1, batch]), length], np.int32, 0, 5))
    return Case(op, inputs, names=["y", "mask_index", "sum"] if draw.chance(0.5) else ["y", "mask_index"], domain=CONTRIB)


@family("Attention")
def contrib_attention(draw, op):
    batch, length, heads, size = draw.integer(1, 3), draw.integer(1, 5), draw.integer(1, 3), draw.one_of([2, 4, 8])
    hidden = heads * size
    inputs = [draw.array([batch, length, hidden]), draw.array([hidden, 3 * hidden], low=-1, high=1), draw.array([3 * hidden])]
    past = draw.integer(1, 4) if draw.chance(0.4) else 0
    total = past + length
    kind = draw.one_of(["none", "raw", "lengths", "square"])
    mask = Omitted
    if kind == "raw":
        mask = draw.array([batch, total], np.int32, 0, 1)
        mask[:, 0] = 1
    elif kind == "lengths" and not past:
        mask = draw.array([batch], np.int32, 1, total)
    elif kind == "square":
        mask = draw.array([batch, length, total], np.int32, 0, 1)
        mask[:, :, 0] = 1
    inputs.append(mask)
    inputs.append(draw.array([2, batch, heads, past, size]) if past else Omitted)
    settings = {"unidirectional": draw.integer(0, 1)}
    if draw.chance(0.3):
        settings["scale"] = 0.3
    return Case(op, inputs, outputs=2 if past else 1, constant=[1, 2], domain=CONTRIB, num_heads=heads, **settings)


def scale_of(draw):
    return draw.array([], np.float32, 0.02, 0.1)


@family("QLinearAdd", "QLinearMul")
def quantized_binary(draw, op):
    dtype = draw.one_of([np.uint8, np.int8])
    shape = draw.shape(1, 4, empty=False)
    values = [draw.array(shape, dtype, -100, 100), scale_of(draw), draw.array([], dtype, -5, 5), draw.array(draw.broadcast(shape), dtype, -100, 100),
              scale_of(draw), draw.array([], dtype, -5, 5), scale_of(draw), draw.array([], dtype, -5, 5)]
    return Case(op, values, domain=CONTRIB)


@family("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QLinearGlobalAveragePool", "QLinearAveragePool")
def quantized_unary(draw, op):
    dtype = draw.one_of([np.uint8, np.int8])
    settings = {}
    shape = draw.shape(1, 4, empty=False)
    y_scale = scale_of(draw)
    if op.endswith("Pool"):
        shape = [1, draw.integer(1, 4), draw.integer(3, 9), draw.integer(3, 9)]
    if op == "QLinearAveragePool":
        settings = {"kernel_shape": [2, 2], "strides": [draw.integer(1, 2)] * 2}
    if op == "QLinearLeakyRelu":
        settings = {"alpha": 0.1}
    if op in ("QLinearSoftmax", "QLinearSigmoid"):
        # So that 1 fits: where it does not, QLinearSoftmax of onnxruntime wraps around, and QuantizeLinear saturates.
        y_scale = np.array(1 / 127, np.float32)
    if op == "QLinearSoftmax":
        settings = {"axis": draw.axis(len(shape)), "opset": 13}
    values = [draw.array(shape, dtype, -100, 100), scale_of(draw), draw.array([], dtype, -5, 5), y_scale, np.array(0, dtype)]
    return Case(op, values, constant=[1, 2, 3, 4], domain=CONTRIB, **settings)


# Writing.


def serialized(value, name):
    if isinstance(value, dict):
        keys = list(value)
        numbers = numpy_helper.from_list([np.asarray(number, np.float32) for number in value.values()])
        if isinstance(keys[0], str):
            return onnx.MapProto(name=name, key_type=onnx.TensorProto.STRING, string_keys=[key.encode() for key in keys], values=numbers)
        return onnx.MapProto(name=name, key_type=onnx.TensorProto.INT64, keys=keys, values=numbers)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return onnx.SequenceProto(name=name, elem_type=onnx.SequenceProto.MAP, map_values=[serialized(item, "") for item in value])
    if isinstance(value, list):
        return numpy_helper.from_list([np.asarray(item) for item in value], name, None if value else onnx.SequenceProto.TENSOR)
    return numpy_helper.from_array(np.asarray(value), name)


def write(folder, model, case, outputs):
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    for i, info in enumerate(model.graph.input):
        (data / f"input_{i}.pb").write_bytes(serialized(case.inputs[int(info.name[1:])], info.name).SerializeToString())
    for i, (value, info) in enumerate(zip(outputs, model.graph.output)):
        (data / f"output_{i}.pb").write_bytes(serialized(value, info.name).SerializeToString())


def output_type(value):
    """For an empty sequence, of what nobody can see."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return helper.make_sequence_type_proto(type_of(value[0]))
    if isinstance(value, list):
        kind = helper.np_dtype_to_tensor_dtype(np.asarray(value[0]).dtype) if value else onnx.TensorProto.FLOAT
        return helper.make_sequence_type_proto(helper.make_tensor_type_proto(kind, None))
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype), None)


def reference(model, case):
    """The outputs of onnxruntime, and the model with their types."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {info.name: case.inputs[int(info.name[1:])] for info in model.graph.input}
    outputs = session.run(None, feeds)
    for value, info in zip(outputs, model.graph.output):
        info.type.CopyFrom(output_type(value))
    return outputs


def made(case, opset):
    """The model, the outputs of onnxruntime and why it refuses, in the first opset from `opset` on, or else below, that takes the case."""
    refusal = None
    for candidate in [case.model_opset] if case.model_opset else [*range(opset, OPSETS[1] + 1), *range(opset - 1, OPSETS[0] - 1, -1)]:
        model = case.model(candidate)
        try:
            return model, reference(model, case), None
        except Exception as error:  # what onnxruntime refuses has many names
            refusal = refusal or error
    return None, None, refusal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=100, help="per operator")
    parser.add_argument("--filter", default="*", help="operators whose name fits this shell pattern")
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    onnxruntime.set_default_logger_severity(4)
    shutil.rmtree(arguments.folder, ignore_errors=True)
    refused = collections.Counter()
    written = collections.Counter()
    for operator in sorted(FAMILIES):
        if not fnmatch.fnmatch(operator, arguments.filter):
            continue
        for i in range(arguments.cases):
            draw = Draw([arguments.seed, zlib.crc32(operator.encode()), i])
            case = FAMILIES[operator](draw, operator)
            model, outputs, refusal = made(case, draw.integer(*OPSETS))
            if model is None:
                refused[operator] += 1
                if arguments.cases == 1:
                    print(operator, refusal)
                continue
            write(arguments.folder / operator / f"{operator}_{i}", model, case, outputs)
            written[operator] += 1
    print(f"{sum(written.values())} cases of {len(written)} operators; onnxruntime refuses {sum(refused.values())}: "
          + ", ".join(f"{name} {count}" for name, count in sorted(refused.items())))
    counts = collections.defaultdict(list)
    for name, count in sorted(written.items()):
        counts[count].append(name)
    for count, names in sorted(counts.items()):
        print(f"{count} cases each: {', '.join(names)}")
    untested = sorted(set(refused) - set(written))
    if untested:
        sys.exit(f"onnxruntime refuses every case of {', '.join(untested)}: the generator is wrong")


if __name__ == "__main__":
    main()
