"""What the families of random cases are made of: a case, and the random choices in it."""
import numpy as np
import onnx
from onnx import helper, numpy_helper

FLOATS = [np.float32, np.float64, np.float16]
INTEGERS = [np.int32, np.int64, np.uint8, np.int8, np.int16, np.uint16, np.uint32, np.uint64]
NUMBERS = FLOATS + INTEGERS
CONTRIB = "com.microsoft"


class Omitted:
    """An optional input or output that is left out."""


def type_of(value):
    """Of an array, or of a map from texts or integers to float32."""
    if isinstance(value, dict):
        key_type = onnx.TensorProto.STRING if isinstance(next(iter(value)), str) else onnx.TensorProto.INT64
        return helper.make_map_type_proto(key_type, helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, []))
    return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)


class Case:
    """One node: inputs are arrays or maps, the keyword arguments are attributes. `constant` inputs become initializers. Without a model_opset
    the case is made for any opset that takes the node."""

    def __init__(self, op, inputs, outputs=1, model_opset=None, domain="", domain_opset=1, constant=(), names=None, **attributes):
        self.op, self.inputs, self.outputs, self.model_opset = op, inputs, outputs, model_opset
        self.domain, self.domain_opset = domain, domain_opset
        self.constant, self.names, self.attributes = set(constant), names, attributes

    def nodes(self):
        names = ["" if value is Omitted else f"x{i}" for i, value in enumerate(self.inputs)]
        return [helper.make_node(self.op, names, self.output_names(), "node", domain=self.domain, **self.attributes)]

    def output_names(self):
        return self.names or [f"y{i}" for i in range(self.outputs)]

    def model(self, opset):
        inputs, initializers = [], []
        for i, value in enumerate(self.inputs):
            if value is Omitted:
                continue
            if i in self.constant:
                initializers.append(numpy_helper.from_array(value, f"x{i}"))
            else:
                inputs.append(helper.make_value_info(f"x{i}", type_of(value)))
        outputs = [onnx.ValueInfoProto(name=name) for name in self.output_names() if name]
        graph = helper.make_graph(self.nodes(), "case", inputs, outputs, initializers)
        opsets = [helper.make_opsetid("", opset)]
        if self.domain:
            opsets.append(helper.make_opsetid(self.domain, self.domain_opset))
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


class Network(Case):
    """Several nodes, for operators whose inputs or outputs no file holds, and for those with subgraphs. Input i is x<i>."""

    def __init__(self, inputs, nodes, names, model_opset=None):
        super().__init__("", inputs, names=names, model_opset=model_opset)
        self.all_nodes = nodes

    def nodes(self):
        return self.all_nodes


class Draw:
    """Random choices of a case."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def integer(self, low, high):
        return int(self.random.integers(low, high + 1))

    def one_of(self, values):
        return values[self.integer(0, len(values) - 1)]

    def chance(self, part):
        return self.random.random() < part

    def dim(self):
        return self.one_of([1, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33])

    def shape(self, least=0, most=6, empty=True):
        shape = [self.dim() for _ in range(self.integer(least, most))]
        while np.prod(shape, dtype=np.int64) > 20000:
            shape[int(np.argmax(shape))] = 2
        if shape and empty and self.chance(0.04):
            shape[self.integer(0, len(shape) - 1)] = 0
        return shape

    def array(self, shape, dtype=np.float32, low=-3.0, high=3.0):
        dtype = np.dtype(dtype)
        if dtype == np.bool_:
            return np.asarray(self.random.random(shape) < 0.5)
        if dtype.kind == "f":
            return np.asarray(self.random.uniform(low, high, shape), dtype)
        least = max(int(np.floor(low)), 0 if dtype.kind == "u" else np.iinfo(dtype).min)
        return np.asarray(self.random.integers(least, max(least, int(high)) + 1, shape), dtype)

    def broadcast(self, shape):
        """A shape that broadcasts to `shape`."""
        result = [1 if self.chance(0.25) else dim for dim in shape]
        return result[self.integer(0, len(result)) if self.chance(0.3) else 0 :]

    def axis(self, rank):
        return self.integer(-rank, rank - 1)


FAMILIES = {}


def family(*operators):
    def add(make):
        for operator in operators:
            FAMILIES[operator] = make
        return make

    return add
