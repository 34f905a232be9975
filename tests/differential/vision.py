"""Random cases of operators on images."""
import numpy as np

from case import Case, Omitted, family


@family("AffineGrid")
def affine_grid(draw, op):
    rank, n = draw.integer(2, 3), draw.integer(1, 3)
    corners = draw.integer(0, 1)
    # Of corners that are one point, which is to be -1 and 1 at once, ONNX's function makes NaN and onnxruntime 1.
    size = np.array([n, draw.integer(1, 3), *[draw.integer(1 + corners, 6) for _ in range(rank)]], np.int64)
    return Case(op, [draw.array([n, rank, rank + 1]), size], constant=[1] if draw.chance(0.5) else [], align_corners=corners)


@family("GridSample")
def grid_sample(draw, op):
    rank, n = draw.one_of([2, 2, 3]), draw.integer(1, 2)
    opset = draw.one_of([16, 18, 20, 22])
    modes = ["bilinear", "nearest", "bicubic"] if opset < 20 else ["linear", "nearest", "cubic"]
    mode = draw.one_of(modes if rank == 2 else modes[:2])
    x = draw.array([n, draw.integer(1, 3), *[draw.integer(2, 6) for _ in range(rank)]])
    padding = draw.one_of(["zeros", "border", "reflection"])
    # "border: use border values for out-of-bound grid locations", says ONNX: onnxruntime extrapolates cubics there from the values at the border.
    reach = 1 if padding == "border" and mode.endswith("cubic") else 1.3
    grid = draw.array([n, *[draw.integer(1, 5) for _ in range(rank)], rank], np.float32, -reach, reach)
    return Case(op, [x, grid], model_opset=opset if rank == 2 else max(opset, 20), mode=mode if rank == 2 or opset >= 20 else mode.replace("bi", ""),
                padding_mode=padding, align_corners=draw.integer(0, 1))


@family("GlobalLpPool")
def global_lp_pool(draw, op):
    return Case(op, [draw.array(draw.shape(3, 5, empty=False), np.float32)], p=draw.integer(1, 3))


def regions(draw, count, height, width, most):
    corners = np.stack([draw.array([count, 2], np.float32, 0, most / 2 - 1), draw.array([count, 2], np.float32, most / 2, most)], axis=1)
    return corners.reshape(count, 4) * np.array([width, height, width, height], np.float32) / most


@family("MaxRoiPool")
def max_roi_pool(draw, op):
    """Regions with whole corners: others are rounded, of which ONNX says nothing."""
    n, height, width = draw.integer(1, 2), draw.integer(4, 9), draw.integer(4, 9)
    count = draw.integer(1, 4)
    rois = np.round(regions(draw, count, height - 1, width - 1, 8)).astype(np.float32)
    rois = np.concatenate([draw.array([count, 1], np.int64, 0, n - 1).astype(np.float32), rois], axis=1)
    return Case(op, [draw.array([n, draw.integer(1, 3), height, width]), rois], pooled_shape=[draw.integer(1, 3), draw.integer(1, 3)])


@family("RoiAlign")
def roi_align(draw, op):
    n, height, width, count = draw.integer(1, 2), draw.integer(3, 9), draw.integer(3, 9), draw.integer(1, 4)
    settings = {"output_height": draw.integer(1, 3), "output_width": draw.integer(1, 3), "mode": draw.one_of(["avg", "max"]),
                "sampling_ratio": draw.integer(0, 3), "spatial_scale": draw.one_of([1.0, 0.5])}
    opset = draw.one_of([10, 16, 22])
    if opset >= 16 and draw.chance(0.6):
        settings["coordinate_transformation_mode"] = draw.one_of(["half_pixel", "output_half_pixel"])
    x, images = draw.array([n, draw.integer(1, 3), height, width]), draw.array([count], np.int64, 0, n - 1)
    return Case(op, [x, regions(draw, count, height, width, 8), images], model_opset=opset, **settings)


@family("MaxUnpool")
def max_unpool(draw, op):
    rank = draw.integer(1, 3)
    kernel = [draw.integer(1, 3) for _ in range(rank)]
    strides = [draw.integer(k, 3) for k in kernel]
    size = [draw.integer(1, 4) for _ in range(rank)]
    full = [(n - 1) * s + k for n, s, k in zip(size, strides, kernel)]
    n, c = draw.integer(1, 2), draw.integer(1, 3)
    cells = n * c * int(np.prod(full))
    index = draw.random.permutation(cells)[: n * c * int(np.prod(size))].reshape([n, c, *size]).astype(np.int64)
    return Case(op, [draw.array([n, c, *size]), index], kernel_shape=kernel, strides=strides)


@family("Upsample")
def upsample(draw, op):
    mode = draw.one_of(["nearest", "linear"])
    # How means of integers are rounded ONNX does not say.
    x = draw.array([1, draw.integer(1, 3), draw.integer(1, 6), draw.integer(1, 6)],
                   np.float32 if mode == "linear" else draw.one_of([np.float32, np.uint8, np.int32]), 0, 9)
    scales = [1.0, 1.0, draw.one_of([1.0, 2.0, 3.0, 1.5]), draw.one_of([1.0, 2.0, 3.0])]
    if draw.chance(0.5):
        return Case(op, [x], model_opset=draw.integer(7, 8), mode=mode, scales=scales)
    return Case(op, [x, np.array(scales, np.float32)], model_opset=9, constant=[1] if draw.chance(0.5) else [], mode=mode)


@family("DeformConv")
def deform_conv(draw, op):
    group, offset_group = draw.integer(1, 2), draw.integer(1, 2)
    channels, outputs = 2 * draw.integer(1, 2), group * draw.integer(1, 3)
    kernel, strides = [draw.integer(1, 3) for _ in range(2)], [draw.integer(1, 2) for _ in range(2)]
    pads, size = [draw.integer(0, 1) for _ in range(4)], [draw.integer(4, 7) for _ in range(2)]
    out = [(size[i] + pads[i] + pads[i + 2] - kernel[i]) // strides[i] + 1 for i in range(2)]
    n, cells = draw.integer(1, 2), offset_group * kernel[0] * kernel[1]
    values = [draw.array([n, channels, *size]), draw.array([outputs, channels // group, *kernel]),
              draw.array([n, 2 * cells, *out], np.float32, -1.5, 1.5), draw.array([outputs]) if draw.chance(0.6) else Omitted]
    if draw.chance(0.5):
        values.append(draw.array([n, cells, *out], np.float32, 0, 1))
    return Case(op, values, kernel_shape=kernel, strides=strides, pads=pads, group=group, offset_group=offset_group)


@family("NonMaxSuppression")
def non_max_suppression(draw, op):
    batch, classes, count = draw.integer(1, 2), draw.integer(1, 3), draw.integer(1, 12)
    boxes = np.concatenate([draw.array([batch, count, 2], np.float32, 0, 5), draw.array([batch, count, 2], np.float32, 1, 9)], axis=2)
    values = [boxes, draw.array([batch, classes, count], np.float32, 0, 1), np.array([draw.integer(0, 6)], np.int64), np.array([0.4], np.float32)]
    if draw.chance(0.6):
        values.append(np.array([0.3], np.float32))
    return Case(op, values, center_point_box=draw.integer(0, 1))
