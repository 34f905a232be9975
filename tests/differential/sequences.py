"""Random cases of sequences, optionals and subgraphs, in networks whose inputs and outputs are tensors or sequences of them."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from case import Network, Omitted, family, type_of

node = helper.make_node
KINDS = [np.float32, np.int64, np.uint8]


def tensors(draw, count, shape=None):
    """`count` tensors of one type and rank."""
    dtype = draw.one_of(KINDS)
    shape = draw.shape(0, 3) if shape is None else shape
    return [draw.array([draw.dim() if draw.chance(0.3) else dim for dim in shape], dtype) for _ in range(count)]


def names(values):
    return [f"x{i}" for i in range(len(values))]


def construct(values):
    return node("SequenceConstruct", names(values), ["s"])


@family("SequenceConstruct")
def sequence_construct(draw, op):
    values = tensors(draw, draw.integer(1, 4))
    return Network(values, [construct(values)], ["s"])


@family("SequenceAt", "SequenceErase", "SequenceInsert", "SequenceLength")
def sequence_element(draw, op):
    count = draw.integer(1, 4)
    values = tensors(draw, count + (op == "SequenceInsert"))
    at = np.array(draw.integer(-count, count if op == "SequenceInsert" else count - 1), draw.one_of([np.int32, np.int64]))
    inputs = {"SequenceInsert": ["s", f"x{count}", f"x{count + 1}"], "SequenceLength": ["s"]}.get(op, ["s", f"x{count}"])
    if op in ("SequenceInsert", "SequenceErase") and draw.chance(0.3):
        inputs.pop()
    feeds = values + [at] if f"x{len(values)}" in inputs else values
    return Network(feeds, [construct(values[:count]), node(op, inputs, ["y"])], ["y"])


@family("SequenceEmpty")
def sequence_empty(draw, op):
    value = draw.array(draw.shape(0, 3), draw.one_of(KINDS))
    kind = helper.np_dtype_to_tensor_dtype(value.dtype)
    nodes = [node(op, [], ["e"], dtype=kind), node("SequenceInsert", ["e", "x0"], ["s"]), node("SequenceLength", ["e"], ["n"])]
    return Network([value], nodes, ["s", "n"])


@family("ConcatFromSequence")
def concat_from_sequence(draw, op):
    shape = draw.shape(1, 3)
    new = draw.integer(0, 1)
    axis = draw.integer(-len(shape) - new, len(shape) + new - 1)
    dtype = draw.one_of(KINDS)
    own = lambda: [draw.integer(0, 4) if not new and i == axis % len(shape) else dim for i, dim in enumerate(shape)]
    values = [draw.array(own(), dtype) for _ in range(draw.integer(1, 4))]
    return Network(values, [construct(values), node(op, ["s"], ["y"], axis=axis, new_axis=new)], ["y"])


@family("SplitToSequence")
def split_to_sequence(draw, op):
    x = draw.array(draw.shape(1, 4, empty=False), draw.one_of(KINDS))
    axis = draw.axis(x.ndim)
    size = x.shape[axis]
    kind = draw.one_of(["each", "equal", "sizes"])
    if kind == "each":
        return Network([x], [node(op, ["x0"], ["s"], axis=axis, keepdims=draw.integer(0, 1))], ["s"])
    first = draw.integer(0, size)
    sizes = np.array(draw.integer(1, size) if kind == "equal" else [first, size - first], np.int64)
    return Network([x, sizes], [node(op, ["x0", "x1"], ["s"], axis=axis)], ["s"])


@family("SequenceMap")
def sequence_map(draw, op):
    values = tensors(draw, draw.integer(1, 4))
    bias = draw.array([], values[0].dtype)
    kind = helper.np_dtype_to_tensor_dtype(bias.dtype)
    body = helper.make_graph([node("Add", ["a", "b"], ["c"]), node("Shape", ["c"], ["d"])], "body",
                             [helper.make_tensor_value_info(name, kind, None) for name in "ab"],
                             [helper.make_tensor_value_info("c", kind, None), helper.make_tensor_value_info("d", TensorProto.INT64, None)])
    return Network([*values, bias], [construct(values), node(op, ["s", f"x{len(values)}"], ["y", "z"], body=body)], ["y", "z"])


@family("Optional", "OptionalHasElement", "OptionalGetElement")
def optional(draw, op):
    values = tensors(draw, draw.integer(1, 3))
    nodes, element = ([construct(values)], "s") if draw.chance(0.5) else ([], "x0")
    if not nodes:
        values = values[:1]
    nodes += [node("Optional", [element], ["o"]), node("OptionalHasElement", ["o"], ["h"]), node("OptionalGetElement", ["o"], ["y"])]
    outputs = {"Optional": ["h", "y"], "OptionalHasElement": ["h"], "OptionalGetElement": ["y"]}[op]
    return Network(values, nodes, outputs)


def typed(name, value):
    return helper.make_value_info(name, type_of(value))


def unshaped(name, dtype):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)


@family("If")
def if_(draw, op):
    """Both branches read values from outside, and may give other shapes."""
    x = draw.array(draw.shape(0, 3), np.float32)
    y = draw.array(draw.shape(0, 3), np.float32)
    branch = lambda nodes: helper.make_graph(nodes, "branch", [], [unshaped("a", np.float32), unshaped("b", np.int64)])
    then = branch([node("Mul", ["x1", "x1"], ["a"]), node("Shape", ["x2"], ["b"])])
    other = branch([node("Neg", ["x2"], ["a"]), node("Shape", ["a"], ["b"])])
    condition = np.array([draw.chance(0.5)]) if draw.chance(0.3) else np.array(draw.chance(0.5))
    return Network([condition, x, y], [node(op, ["x0"], ["y", "z"], then_branch=then, else_branch=other)], ["y", "z"])


@family("Loop")
def loop(draw, op):
    """Sums i * x until the number of runs, the condition, or both say stop; scans the sums."""
    x = draw.array(draw.shape(0, 3), np.float32)
    limit = draw.integer(0, 6)
    nodes = [node("Cast", ["i"], ["f"], to=TensorProto.FLOAT), node("Mul", ["f", "x1"], ["m"]), node("Add", ["sum", "m"], ["next"]),
             node("Identity", ["next"], ["scanned"]), node("Constant", [], ["limit"], value=numpy_helper.from_array(np.array(limit, np.int64))),
             node("Less", ["i", "limit"], ["again"])]
    kind = draw.one_of(["both", "runs", "condition"])
    if kind != "condition" and draw.chance(0.3):
        nodes[-1] = node("Identity", ["c"], ["again"])
    body = helper.make_graph(nodes, "body", [helper.make_tensor_value_info("i", TensorProto.INT64, []),
                                             helper.make_tensor_value_info("c", TensorProto.BOOL, []), typed("sum", x)],
                             [helper.make_tensor_value_info("again", TensorProto.BOOL, []), typed("next", x), typed("scanned", x)])
    runs = np.array(draw.integer(0, 7), np.int64)
    start = np.array(draw.chance(0.8))
    inputs = ["x0" if kind != "condition" else "", "x2" if kind != "runs" else "", "x1"]
    feeds = [runs, x, start]
    return Network([value if f"x{i}" in inputs else Omitted for i, value in enumerate(feeds)], [node(op, inputs, ["y", "z"], body=body)], ["y", "z"])


@family("Scan")
def scan(draw, op):
    """A running sum with one state, in any direction, along any axis."""
    row = draw.shape(0, 2, empty=False)
    steps = draw.integer(1, 6)
    start = draw.array(row, np.float32)
    axis = draw.integer(0, len(row))
    x = draw.array([*row[:axis], steps, *row[axis:]], np.float32)
    body = helper.make_graph([node("Add", ["state", "x"], ["next"]), node("Mul", ["next", "x"], ["y"])], "body",
                             [typed("state", start), typed("x", start)], [typed("next", start), typed("y", start)])
    if draw.chance(0.2):  # opset 8 has a batch
        batch = draw.integer(1, 3)
        feeds = [draw.array([batch, *row], np.float32), draw.array([batch, steps, *row], np.float32)]
        nodes = [node(op, ["", "x0", "x1"], ["a", "b"], body=body, num_scan_inputs=1, directions=[draw.integer(0, 1)])]
        return Network(feeds, nodes, ["a", "b"], model_opset=8)
    settings = {"scan_input_axes": [axis], "scan_input_directions": [draw.integer(0, 1)], "scan_output_directions": [draw.integer(0, 1)],
                "scan_output_axes": [draw.integer(-len(row) - 1, len(row))]}
    return Network([start, x], [node(op, ["x0", "x1"], ["a", "b"], body=body, num_scan_inputs=1, **settings)], ["a", "b"])
