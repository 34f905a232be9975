"""Random cases of the quantized operators of ONNX."""
import numpy as np

from case import Case, Omitted, family

BYTES = [np.uint8, np.int8]


def zero_point(draw, dtype, shape=()):
    return draw.array(shape, dtype, -9, 9) if draw.chance(0.7) else Omitted


def grid(draw, x):
    """A scale and a zero point's shape for `x`, and the attributes that say along what."""
    kind = draw.one_of(["tensor", "axis", "blocks"]) if x.ndim else "tensor"
    if kind == "tensor":
        return [], {}
    axis = draw.axis(x.ndim)
    if kind == "axis":
        return [x.shape[axis]], {"axis": axis}
    block = draw.integer(1, x.shape[axis])
    shape = list(x.shape)
    shape[axis] = -(-x.shape[axis] // block)
    return shape, {"axis": axis, "block_size": block}


@family("QuantizeLinear")
def quantize(draw, op):
    x = draw.array(draw.shape(0, 4, empty=False), draw.one_of([np.float32, np.float16, np.int32]), -40, 40)
    shape, settings = grid(draw, x)
    scale = draw.array(shape, x.dtype if x.dtype.kind == "f" else np.float32, 0.1, 0.5)
    return Case(op, [x, scale, zero_point(draw, draw.one_of(BYTES + [np.int16, np.uint16]), shape)], **settings)


@family("DequantizeLinear")
def dequantize(draw, op):
    x = draw.array(draw.shape(0, 4, empty=False), draw.one_of(BYTES + [np.int16, np.uint16, np.int32]), -100, 100)
    shape, settings = grid(draw, x)
    scale = draw.array(shape, draw.one_of([np.float32, np.float16]), 0.1, 0.5)
    return Case(op, [x, scale, Omitted if x.dtype == np.int32 else zero_point(draw, x.dtype, shape)], **settings)


@family("DynamicQuantizeLinear")
def dynamic_quantize(draw, op):
    return Case(op, [draw.array(draw.shape(0, 4, empty=False), np.float32, draw.one_of([-3, 0.5]), 3)], outputs=3)


def matrices(draw, kinds):
    m, n, k, batch = draw.dim(), draw.dim(), draw.dim(), draw.shape(0, 2)
    return draw.array([*batch, m, k], draw.one_of(kinds), -100, 100), draw.array([*draw.broadcast(batch), k, n], draw.one_of(kinds), -100, 100)


@family("MatMulInteger")
def matmul_integer(draw, op):
    a, b = matrices(draw, BYTES)
    columns = [b.shape[-1]] if b.ndim == 2 and draw.chance(0.5) else []
    return Case(op, [a, b, zero_point(draw, a.dtype), zero_point(draw, b.dtype, columns)], constant=[1] if draw.chance(0.5) else [])


@family("QLinearMatMul")
def quantized_matmul(draw, op):
    a, b = matrices(draw, BYTES if draw.chance(0.5) else [np.int8])
    columns = [b.shape[-1]] if b.ndim == 2 and draw.chance(0.5) else []
    y = a.dtype
    scale = lambda shape: draw.array(shape, np.float32, 0.02, 0.1)
    return Case(op, [a, scale([]), draw.array([], a.dtype, -5, 5), b, scale(columns), draw.array(columns, b.dtype, -5, 5),
                     draw.array([], np.float32, 2, 4), draw.array([], y, -5, 5)], constant=range(1, 8) if draw.chance(0.5) else [])


def convolution(draw):
    rank, group = draw.integer(1, 2), draw.one_of([1, 1, 2])
    inputs, outputs = group * draw.integer(1, 4), group * draw.integer(1, 5)
    kernel = [draw.integer(1, 3) for _ in range(rank)]
    settings = {"group": group, "strides": [draw.integer(1, 2) for _ in range(rank)], "pads": [draw.integer(0, k - 1) for k in kernel * 2]}
    x = draw.array([draw.integer(1, 2), inputs, *[draw.integer(3, 9) for _ in range(rank)]], draw.one_of(BYTES), -100, 100)
    return x, draw.array([outputs, inputs // group, *kernel], draw.one_of(BYTES), -100, 100), settings


@family("ConvInteger")
def conv_integer(draw, op):
    x, w, settings = convolution(draw)
    return Case(op, [x, w, zero_point(draw, x.dtype), zero_point(draw, w.dtype)], constant=[1] if draw.chance(0.5) else [], **settings)


@family("QLinearConv")
def quantized_conv(draw, op):
    x, w, settings = convolution(draw)
    channels = [w.shape[0]] if draw.chance(0.5) else []
    y = x.dtype
    scale = lambda shape: draw.array(shape, np.float32, 0.02, 0.1)
    values = [x, scale([]), draw.array([], x.dtype, -5, 5), w, scale(channels), np.zeros(channels, w.dtype), draw.array([], np.float32, 2, 4),
              draw.array([], y, -5, 5)]
    if draw.chance(0.5):
        values.append(draw.array([w.shape[0]], np.int32, -500, 500))
    return Case(op, values, constant=range(1, 8) if draw.chance(0.7) else [], **settings)
