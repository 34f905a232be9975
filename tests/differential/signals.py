"""Random cases of windows and transforms."""
import numpy as np

from case import Case, Omitted, family


@family("BlackmanWindow", "HammingWindow", "HannWindow")
def window(draw, op):
    # Not of one element, which ONNX's function divides by zero for.
    return Case(op, [np.array(draw.integer(2, 20), draw.one_of([np.int32, np.int64]))], periodic=draw.integer(0, 1))


@family("MelWeightMatrix")
def mel_weight_matrix(draw, op):
    low = draw.integer(0, 500)
    values = [np.array(draw.integer(1, 9), np.int64), np.array(draw.one_of([16, 33, 64]), np.int64), np.array(8000, np.int64),
              np.array(low, np.float32), np.array(low + draw.integer(500, 3000), np.float32)]
    return Case(op, values)


@family("DFT")
def dft(draw, op):
    inverse = draw.integer(0, 1)
    onesided = 0 if inverse else draw.integer(0, 1)
    x = draw.array([draw.integer(1, 3), *[draw.dim() for _ in range(draw.integer(1, 3))], 1 if onesided else draw.integer(1, 2)],
                   draw.one_of([np.float32, np.float64]))
    axis = draw.integer(1, x.ndim - 2)
    axis = axis - x.ndim if draw.chance(0.3) else axis
    length = np.array(draw.dim(), np.int64) if draw.chance(0.4) else Omitted
    if draw.chance(0.5):
        return Case(op, [x, length], model_opset=draw.integer(17, 19), axis=axis, inverse=inverse, onesided=onesided)
    return Case(op, [x, length, np.array(axis, np.int64)], model_opset=draw.integer(20, 24), inverse=inverse, onesided=onesided)


@family("STFT")
def stft(draw, op):
    frame = draw.one_of([4, 5, 8, 16])
    onesided = draw.integer(0, 1)
    x = draw.array([draw.integer(1, 2), frame + draw.integer(0, 20), 1], draw.one_of([np.float32, np.float64]))
    step = np.array(draw.integer(1, frame), np.int64)
    kind = draw.one_of(["window", "length", "both"])
    window = draw.array([frame], x.dtype) if kind != "length" else Omitted
    return Case(op, [x, step, window, np.array(frame, np.int64) if kind != "window" else Omitted], onesided=onesided)
