"""Attributes for nodes that are built from a schema alone, or whose attributes decide types."""
import onnx
from onnx import helper

from onnx_types import element_name, element_type, type_proto

# Of required attributes that no case of the suite shows, by name.
REQUIRED = {
    "axes": [0],
    "axis": 0,
    "coefficients": [1.0, 1.0],
    "consumed_inputs": [0, 0, 0, 0, 0],
    "ends": [1],
    "height_scale": 1.0,
    "k": 1,
    "kernel_shape": [1, 1],
    "paddings": [0, 0],
    "pads": [0, 0],
    "pooled_shape": [1, 1],
    "scales": [1.0, 1.0, 1.0, 1.0],
    "shape": [1],
    "size": 1,
    "starts": [0],
    "to": onnx.TensorProto.FLOAT,
    "width_scale": 1.0,
}

# The attributes of a tree that is one leaf.
LEAF = {
    "nodes_treeids": [0],
    "nodes_nodeids": [0],
    "nodes_featureids": [0],
    "nodes_modes": ["LEAF"],
    "nodes_values": [0.0],
    "nodes_truenodeids": [0],
    "nodes_falsenodeids": [0],
}

# Attributes without which a node means nothing, though its schema does not require them.
NEEDED = {
    "CategoryMapper": {"cats_int64s": [1], "cats_strings": ["a"]},
    "FeatureVectorizer": {"inputdimensions": [1]},
    "LinearRegressor": {"coefficients": [1.0], "intercepts": [0.0]},
    "Reshape": {"shape": [1]},
    "Scaler": {"offset": [0.0], "scale": [1.0]},
    "SVMClassifier": {"coefficients": [1.0], "rho": [0.0], "kernel_type": "LINEAR"},
    "SVMRegressor": {"coefficients": [1.0], "rho": [0.0], "kernel_type": "LINEAR", "n_supports": 0},
    "TreeEnsembleClassifier": LEAF | {"class_treeids": [0], "class_nodeids": [0], "class_ids": [0], "class_weights": [1.0]},
    "TreeEnsembleRegressor": LEAF
    | {"target_treeids": [0], "target_nodeids": [0], "target_ids": [0], "target_weights": [1.0], "n_targets": 1},
}

# Attributes that are given in one of several forms, by the element type of a variable: OPERATOR: (VARIABLE, {ELEMENT: attributes}).
BY_TYPE = {
    "CastMap": ("T2", {"float": {"cast_to": "TO_FLOAT"}, "string": {"cast_to": "TO_STRING"}, "int64": {"cast_to": "TO_INT64"}}),
    "GridSample": ("T1", {"string": {"mode": "nearest"}}),  # between strings is nothing
    "Imputer": ("T", dict.fromkeys(("float", "double"), {"imputed_value_floats": [1.0]})
                     | dict.fromkeys(("int64", "int32"), {"imputed_value_int64s": [1]})),
    "LinearClassifier": ("T2", {"string": {"classlabels_strings": ["a", "b"]}, "int64": {"classlabels_ints": [0, 1]}}),
    "OneHotEncoder": ("T", {"string": {"cats_strings": ["a"]}}
                           | dict.fromkeys(("int64", "int32", "float", "double"), {"cats_int64s": [1]})),
    "SVMClassifier": ("T2", {"string": {"classlabels_strings": ["a", "b"]}, "int64": {"classlabels_ints": [0, 1]}}),
    "TreeEnsembleClassifier": ("T2", {"string": {"classlabels_strings": ["a", "b"]}, "int64": {"classlabels_int64s": [0, 1]}}),
}


def tensor(element: str, values: list) -> onnx.TensorProto:
    """A tensor of one dimension; of numbers that are all zero bits, or of strings."""
    result = onnx.TensorProto(data_type=element_type(element), dims=[len(values)])
    if element == "string":
        result.string_data.extend(str(value).encode() for value in values)
    else:
        result.raw_data = bytes(16 * len(values))[: (helper.tensor_dtype_to_np_dtype(result.data_type).itemsize or 1) * len(values)]
    return result


def label_encoder(schema, types: dict[str, str]) -> dict:
    """The keys and the values of a LabelEncoder, in the form that its version has for their types."""
    if schema.since_version == 1:
        return {"classes_strings": ["a"]}
    result = {}
    for side, variable in (("keys", "T1"), ("values", "T2")):
        element = element_name(types[variable])
        plain = {"string": ("strings", ["a"]), "int64": ("int64s", [1]), "float": ("floats", [1.0])}.get(element)
        if plain is not None:
            result[f"{side}_{plain[0]}"] = plain[1]
        else:
            result[f"{side}_tensor"] = tensor(element, [0])
            if side == "values":
                result["default_tensor"] = tensor(element, [0])
    return result


def vocabulary(types: dict[str, str]) -> dict:
    """Of a DictVectorizer: by the keys of its maps."""
    return {"string_vocabulary": ["a"]} if types["T1"].startswith("map(string") else {"int64_vocabulary": [1]}


def deciding_attributes(schema, types: dict[str, str]) -> dict:
    """The attributes that give output-only variables the types of `types`, and those that must fit the types of inputs."""
    result = dict(NEEDED.get(schema.name, {}))
    if schema.name in BY_TYPE:
        variable, forms = BY_TYPE[schema.name]
        result |= forms.get(element_name(types[variable]), {})
    if schema.name == "LabelEncoder":
        result = label_encoder(schema, types)
    if schema.name == "DictVectorizer":
        result = vocabulary(types)
    if schema.name == "ZipMap":
        result = {"classlabels_strings": ["a"]} if "string" in types["T"] else {"classlabels_int64s": [1]}
    if schema.name == "LayerNormalization":
        result = {"stash_type": element_type(element_name(types["U"]))} if "U" in types else {}
    if schema.name == "Optional":
        result["type"] = type_proto(types["V"])
    inputs = {parameter.type_str for parameter in schema.inputs}
    for parameter in schema.outputs:
        if parameter.type_str not in types or parameter.type_str in inputs:
            continue
        element = element_name(types[parameter.type_str])
        for name in ("to", "dtype", "output_dtype", "output_datatype"):
            if name in schema.attributes:
                as_text = schema.attributes[name].type == onnx.defs.OpSchema.AttrType.STRING
                result[name] = element.upper() if as_text else element_type(element)
        if schema.name in ("Constant", "ConstantOfShape"):
            result["value"] = tensor(element, [0])
    return result
