"""Types as the schemas of ONNX write them, "seq(tensor(float))", and as TypeProto."""
import functools
import re

import onnx
from onnx import TensorProto


@functools.cache
def element_type(name: str) -> int:
    """The number of an element type: "float" is TensorProto.FLOAT."""
    return TensorProto.DataType.Value(name.upper())


def element_name(type_str: str) -> str:
    """The innermost type: "float" of "seq(tensor(float))", and of "map(string, float)"."""
    return re.split(r"[(), ]+", type_str.rstrip(")"))[-1]


def canonical(type_str: str) -> str:
    """One spelling per type: the values of a map are tensors."""
    text = type_str.replace(" ", "")
    return re.sub(r"map\((\w+),(\w+)\)", r"map(\1,tensor(\2))", text)


@functools.cache
def type_proto(type_str: str) -> onnx.TypeProto:
    """The type without shapes."""
    kind, inner = re.fullmatch(r"(\w+)\((.*)\)", canonical(type_str)).groups()
    proto = onnx.TypeProto()
    match kind:
        case "tensor":
            proto.tensor_type.elem_type = element_type(inner)
        case "seq":
            proto.sequence_type.elem_type.CopyFrom(type_proto(inner))
        case "optional":
            proto.optional_type.elem_type.CopyFrom(type_proto(inner))
        case "map":
            key, value = inner.split(",", 1)
            proto.map_type.key_type = element_type(key)
            proto.map_type.value_type.CopyFrom(type_proto(value))
        case _:
            raise ValueError(f"unknown type {type_str}")
    return proto


def type_str(proto: onnx.TypeProto) -> str:
    """As schemas write it."""
    match proto.WhichOneof("value"):
        case "tensor_type":
            return f"tensor({TensorProto.DataType.Name(proto.tensor_type.elem_type).lower()})"
        case "sequence_type":
            return f"seq({type_str(proto.sequence_type.elem_type)})"
        case "optional_type":
            return f"optional({type_str(proto.optional_type.elem_type)})"
        case "map_type":
            key = TensorProto.DataType.Name(proto.map_type.key_type).lower()
            return f"map({key}, {element_name(type_str(proto.map_type.value_type))})"
        case kind:
            raise ValueError(f"unknown kind of type {kind}")
