"""Random cases of operators that make, move or mask elements, and of some that work on rows."""
import numpy as np
from onnx import helper, numpy_helper

from case import FLOATS, INTEGERS, NUMBERS, Case, Omitted, family

ANY = NUMBERS + [np.bool_]


@family("Not")
def not_(draw, op):
    return Case(op, [draw.array(draw.shape(), np.bool_)])


@family("BitwiseNot")
def bitwise_not(draw, op):
    return Case(op, [draw.array(draw.shape(), draw.one_of(INTEGERS), -100, 100)])


@family("IsInf")
def is_infinite(draw, op):
    x = draw.array(draw.shape(), draw.one_of([np.float32, np.float64]))
    x = np.where(draw.random.random(x.shape) < 0.3, draw.random.choice([np.inf, -np.inf, np.nan], x.shape), x).astype(x.dtype)
    return Case(op, [x], **{name: draw.integer(0, 1) for name in ("detect_negative", "detect_positive") if draw.chance(0.6)})


@family("Swish")
def swish(draw, op):
    return Case(op, [draw.array(draw.shape(), draw.one_of(FLOATS))], **({"alpha": 0.7} if draw.chance(0.5) else {}))


@family("CastLike")
def cast_like(draw, op):
    return Case(op, [draw.array(draw.shape(), draw.one_of(ANY), 0, 100), draw.array([1], draw.one_of(ANY))])


@family("BitCast")
def bit_cast(draw, op):
    kinds = draw.one_of([[np.float32, np.int32, np.uint32], [np.float64, np.int64, np.uint64], [np.float16, np.int16, np.uint16], [np.int8, np.uint8]])
    return Case(op, [draw.array(draw.shape(), draw.one_of(kinds), -9, 9)], to=int(helper.np_dtype_to_tensor_dtype(np.dtype(draw.one_of(kinds)))))


@family("Identity")
def identity(draw, op):
    return Case(op, [draw.array(draw.shape(), draw.one_of(ANY))])


@family("Dropout")
def dropout(draw, op):
    """Nothing is dropped, but with a ratio of 0 in training."""
    x = draw.array(draw.shape(), np.float32)
    kind = draw.one_of(["plain", "ratio", "training"])
    inputs = {"plain": [x], "ratio": [x, np.array(0.4, np.float32)], "training": [x, np.array(0, np.float32), np.array(True)]}[kind]
    # Before opset 12 ONNX does not say what the mask is where nothing is dropped.
    return Case(op, inputs, outputs=1) if draw.chance(0.5) else Case(op, inputs, outputs=2, model_opset=draw.integer(12, 24))


@family("Compress")
def compress(draw, op):
    x = draw.array(draw.shape(1, 4), draw.one_of(ANY))
    if draw.chance(0.3):
        return Case(op, [x, draw.array([draw.integer(0, x.size)], np.bool_)])
    axis = draw.axis(x.ndim)
    return Case(op, [x, draw.array([draw.integer(0, x.shape[axis])], np.bool_)], axis=axis)


@family("Flatten")
def flatten(draw, op):
    x = draw.array(draw.shape(), draw.one_of(ANY))
    return Case(op, [x], axis=draw.integer(-x.ndim, x.ndim))


@family("Shape")
def shape(draw, op):
    x = draw.array(draw.shape(), draw.one_of(ANY))
    return Case(op, [x], **{name: draw.integer(-x.ndim - 2, x.ndim + 2) for name in ("start", "end") if draw.chance(0.4)})


@family("Size")
def size(draw, op):
    return Case(op, [draw.array(draw.shape(), draw.one_of(ANY))])


@family("Squeeze")
def squeeze(draw, op):
    x = draw.array([1 if draw.chance(0.5) else dim for dim in draw.shape()], draw.one_of(ANY))
    axes = [i - x.ndim if draw.chance(0.3) else i for i, dim in enumerate(x.shape) if dim == 1 and draw.chance(0.6)]
    # "If axes is not provided, all the single dimensions will be removed", says ONNX; onnxruntime does so for an empty list too.
    if not axes or draw.chance(0.2):
        return Case(op, [x])
    if draw.chance(0.4):
        return Case(op, [x], model_opset=draw.one_of([11, 12]), axes=axes)
    return Case(op, [x, np.array(axes, np.int64)], model_opset=draw.integer(13, 24), constant=[1] if draw.chance(0.5) else [])


@family("Unsqueeze")
def unsqueeze(draw, op):
    x = draw.array(draw.shape(0, 3), draw.one_of(ANY))
    rank = x.ndim + draw.integer(1, 3)
    axes = [int(axis) for axis in draw.random.permutation(rank)[: rank - x.ndim]]
    if draw.chance(0.4):
        return Case(op, [x], model_opset=draw.one_of([7, 9, 11, 12]), axes=sorted(axes))
    axes = [axis - rank if draw.chance(0.3) else axis for axis in axes]
    return Case(op, [x, np.array(axes, np.int64)], model_opset=draw.integer(13, 24), constant=[1] if draw.chance(0.5) else [])


@family("ConstantOfShape")
def constant_of_shape(draw, op):
    value = {"value": numpy_helper.from_array(draw.array([1], draw.one_of(ANY)))} if draw.chance(0.8) else {}
    return Case(op, [np.array(draw.shape(), np.int64)], constant=[0] if draw.chance(0.5) else [], **value)


@family("Constant")
def constant(draw, op):
    value = draw.one_of([{"value": numpy_helper.from_array(draw.array(draw.shape(), draw.one_of(ANY)))}, {"value_float": 1.5}, {"value_int": -3},
                         {"value_floats": [1.0, 2.5]}, {"value_ints": [1, 2, 3]}, {"value_string": "a"}, {"value_strings": ["a", "b"]}])
    return Case(op, [], **value)


@family("EyeLike")
def eye_like(draw, op):
    kind = draw.one_of([np.float32, np.float64, np.int32, np.int64, np.uint64])
    settings = {"dtype": int(helper.np_dtype_to_tensor_dtype(np.dtype(draw.one_of([np.float32, np.int64, np.float64]))))} if draw.chance(0.5) else {}
    return Case(op, [draw.array(draw.shape(2, 2), kind)], **({"k": draw.integer(-5, 5)} if draw.chance(0.7) else {}), **settings)


@family("Range")
def range_(draw, op):
    dtype = np.dtype(draw.one_of([np.float32, np.float64, np.int32, np.int64, np.int16]))
    step = draw.one_of([1, 2, -1, 0.5, -3] if dtype.kind == "f" else [1, 2, -1, -3])
    return Case(op, [np.array(value, dtype) for value in (draw.integer(-9, 9), draw.integer(-9, 9), step)])


@family("CenterCropPad")
def center_crop_pad(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), draw.one_of([np.float32, np.int64, np.uint8]))
    axes = sorted(draw.random.permutation(x.ndim)[: draw.integer(1, x.ndim)].tolist())
    settings = {"axes": axes} if draw.chance(0.7) else {}
    sizes = [draw.integer(1, 9) for _ in (axes if settings else x.shape)]
    return Case(op, [x, np.array(sizes, np.int64)], **settings)


@family("Col2Im")
def col2im(draw, op):
    """Without dilations, with which onnxruntime differs from ONNX's own reference."""
    rank = draw.integer(1, 3)
    image = [draw.integer(3, 7) for _ in range(rank)]
    block = [draw.integer(1, 3) for _ in range(rank)]
    strides = [draw.integer(1, 2) for _ in range(rank)]
    pads = [draw.integer(0, 1) for _ in range(2 * rank)]
    blocks = [(image[i] + pads[i] + pads[i + rank] - block[i]) // strides[i] + 1 for i in range(rank)]
    x = draw.array([draw.integer(1, 2), draw.integer(1, 3) * int(np.prod(block)), int(np.prod(blocks))])
    return Case(op, [x, np.array(image, np.int64), np.array(block, np.int64)], constant=[1, 2] if draw.chance(0.5) else [],
                strides=strides, pads=pads)


@family("ReverseSequence")
def reverse_sequence(draw, op):
    x = draw.array(draw.shape(2, 4, empty=False), draw.one_of([np.float32, np.int64, np.uint8, np.bool_]))
    batch = draw.integer(0, 1)
    return Case(op, [x, draw.array([x.shape[batch]], np.int64, 1, x.shape[1 - batch])], batch_axis=batch, time_axis=1 - batch)


@family("Scatter")
def scatter(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), draw.one_of([np.float32, np.int64, np.uint8]))
    axis = draw.axis(x.ndim)
    shape = [draw.integer(1, dim) for dim in x.shape]
    order = np.argsort(draw.random.random([*shape[: axis % x.ndim], x.shape[axis], *shape[axis % x.ndim + 1 :]]), axis=axis)
    index = np.take(order, range(shape[axis]), axis=axis).astype(draw.one_of([np.int32, np.int64]))
    return Case(op, [x, index, draw.array(shape, x.dtype)], axis=axis, model_opset=draw.one_of([9, 10]))


@family("TensorScatter")
def tensor_scatter(draw, op):
    batch, heads, length, size, steps = draw.integer(1, 3), draw.integer(1, 3), draw.integer(4, 8), draw.integer(1, 5), draw.integer(1, 4)
    mode = draw.one_of(["linear", "circular"])
    at = draw.array([batch], np.int64, 0, length - steps if mode == "linear" else length - 1) if draw.chance(0.8) else Omitted
    return Case(op, [draw.array([batch, heads, length, size]), draw.array([batch, heads, steps, size]), at], mode=mode)


@family("CumProd")
def cumulative_product(draw, op):
    x = draw.array(draw.shape(1, 3), draw.one_of([np.float32, np.float64, np.int32]), 0.5, 2)
    return Case(op, [x, np.array(draw.axis(x.ndim), np.int64)], exclusive=draw.integer(0, 1), reverse=draw.integer(0, 1))


@family("Det")
def determinant(draw, op):
    n = draw.integer(1, 6)
    return Case(op, [draw.array([*draw.shape(0, 3), n, n])])


@family("GroupNormalization")
def group_normalization(draw, op):
    groups, size = draw.integer(1, 4), draw.integer(1, 4)
    x = draw.array([draw.integer(1, 3), groups * size, *draw.shape(1, 3, empty=False)])
    opset = draw.one_of([18, 20, 21, 23])
    rows = [groups if opset < 21 else groups * size]
    return Case(op, [x, draw.array(rows), draw.array(rows)], model_opset=opset, num_groups=groups, epsilon=draw.one_of([1e-5, 1e-2]))


@family("RMSNormalization")
def rms_normalization(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), np.float32)
    axis = draw.axis(x.ndim)
    return Case(op, [x, draw.array(list(x.shape)[axis % x.ndim :])], axis=axis, epsilon=draw.one_of([1e-5, 1e-2]))


@family("MeanVarianceNormalization")
def mean_variance_normalization(draw, op):
    """Of more than one element, whose variance is not zero: that may come out below zero."""
    x = draw.array([draw.integer(2, 5) for _ in range(4)], np.float32)
    return Case(op, [x], **({"axes": draw.one_of([[0, 1, 2, 3], [2, 3], [0, 2, 3], [1]])} if draw.chance(0.7) else {}))


@family("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def loss(draw, op):
    classes = draw.integer(1, 6)
    tail = draw.shape(0, 2, empty=False)
    n = draw.integer(1, 5)
    target = draw.array([n, *tail], draw.one_of([np.int32, np.int64]), 0, classes - 1)
    settings = {"reduction": draw.one_of(["none", "mean", "sum"])}
    if draw.chance(0.4):
        settings["ignore_index"] = draw.one_of([0, -1])
        if settings["ignore_index"] == -1:
            target = np.where(draw.random.random(target.shape) < 0.3, -1, target).astype(target.dtype)
        target.flat[0] = classes - 1  # so that the mean is of something
        if classes == 1:
            settings.pop("ignore_index")
            target[:] = 0
    inputs = [draw.array([n, classes, *tail]), target]
    if draw.chance(0.5):
        inputs.append(draw.array([classes], np.float32, 0.1, 2))
    return Case(op, inputs, outputs=draw.integer(1, 2) if op == "SoftmaxCrossEntropyLoss" else 1, **settings)


@family("ai.onnx.Attention")
def attention(draw, op):
    batch, heads, groups, size = draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 2), draw.one_of([1, 2, 4, 8])
    queries, keys, value_size = draw.integer(1, 5), draw.integer(1, 6), draw.one_of([1, 2, 4, 8])
    past = draw.integer(1, 3) if draw.chance(0.3) else 0
    q, k, v = (draw.array([batch, n, length, width])
               for n, length, width in [(heads * groups, queries, size), (heads, keys, size), (heads, keys, value_size)])
    # "Query i attends key j iff j <= i + past_sequence_length", says ONNX; onnxruntime lets the last query attend all keys.
    settings = {"is_causal": draw.integer(0, 1) if not past or queries == keys else 0}
    if draw.chance(0.4):
        settings["scale"] = 0.4
    if draw.chance(0.3):
        settings["softcap"] = 2.0
    if draw.chance(0.4):
        q, k, v = (x.transpose(0, 2, 1, 3).reshape(batch, x.shape[2], -1).copy() for x in (q, k, v))
        settings.update(q_num_heads=heads * groups, kv_num_heads=heads)
    mask = draw.one_of([None, np.bool_, np.float32])
    inputs = [q, k, v, Omitted if mask is None else draw.array([queries, past + keys], mask)]
    if mask == np.bool_:
        inputs[3][:, 0] = True  # ONNX says nothing of a row whose keys are all masked
    if past:
        inputs += [draw.array([batch, heads, past, size]), draw.array([batch, heads, past, value_size])]
    return Case("Attention", inputs, outputs=3 if past else 1, **settings)


@family("RotaryEmbedding")
def rotary_embedding(draw, op):
    batch, heads, length, half = draw.integer(1, 3), draw.integer(1, 3), draw.integer(1, 5), draw.integer(1, 4)
    rotated = draw.integer(1, half) if draw.chance(0.3) else half
    x = draw.array([batch, heads, length, 2 * half])
    settings = {"interleaved": draw.integer(0, 1), **({"rotary_embedding_dim": 2 * rotated} if rotated != half else {})}
    if draw.chance(0.4):
        x = x.transpose(0, 2, 1, 3).reshape(batch, length, -1).copy()
        settings["num_heads"] = heads
    if draw.chance(0.5):
        tables = [draw.array([batch, length, rotated], np.float32, -1, 1) for _ in range(2)]
        return Case(op, [x, *tables], **settings)
    tables = [draw.array([9, rotated], np.float32, -1, 1) for _ in range(2)]
    return Case(op, [x, *tables, draw.array([batch, length], np.int64, 0, 8)], **settings)
