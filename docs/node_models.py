"""Models of one node: for an operator of a schema whose type variables have given types."""
import itertools
import pathlib
from collections import defaultdict
from typing import Iterator, NamedTuple

import onnx
from onnx import helper
from onnx.defs import OpSchema

from node_attributes import REQUIRED, deciding_attributes
from onnx_types import element_name, type_proto, type_str


class Example(NamedTuple):
    """What a case of the suite, or the schema, says about how a node of the operator looks."""

    opset: int
    attributes: dict[str, onnx.AttributeProto]
    inputs: tuple[str, ...]  # their types as far as known; "" where one is omitted
    outputs: int


class Examples:
    """The nodes of the operators in the models of the suite."""

    def __init__(self, folder: pathlib.Path):
        self.by_op: dict[tuple[str, str], list[Example]] = defaultdict(list)
        for file in sorted(folder.glob("*/model.onnx")):
            model = onnx.load(file)
            opsets = {entry.domain: entry.version for entry in model.opset_import}
            known = {info.name: type_str(info.type) for info in model.graph.input}
            for node in model.graph.node:
                inputs = tuple(known.get(name, "unknown") if name else "" for name in node.input)
                attributes = {attribute.name: attribute for attribute in node.attribute}
                self.by_op[node.domain, node.op_type].append(Example(opsets[node.domain], attributes, inputs, len(node.output)))

    def of(self, schema: OpSchema) -> list[Example]:
        """Different ways to write the node, those that fit best first; the last one follows the schema alone."""
        found = {}
        for example in self.by_op[schema.domain, schema.name]:
            kept = {name: value for name, value in example.attributes.items() if name in schema.attributes}
            shape = (tuple(sorted(kept)), tuple(bool(kind) for kind in example.inputs), example.outputs)
            fit = (abs(example.opset - schema.since_version), len(example.attributes) - len(kept))
            if shape not in found or fit < found[shape][0]:
                found[shape] = (fit, example._replace(attributes=kept))
        best = [example for _, example in sorted(found.values(), key=lambda entry: entry[0])][:4]
        return [*best, Example(schema.since_version, {}, ("unknown",) * schema.min_input, schema.min_output)]


def parameter(parameters, i: int):
    """The formal parameter of input or output i: the last one stands for all further ones when it is variadic."""
    return parameters[min(i, len(parameters) - 1)]


def constraints(schema: OpSchema) -> dict[str, list[str]]:
    """The types that each type variable of an input or output allows."""
    used = {formal.type_str for formal in (*schema.inputs, *schema.outputs)}
    return {constraint.type_param_str: sorted(constraint.allowed_type_strs) for constraint in schema.type_constraints
            if constraint.type_param_str in used}


def present_inputs(schema: OpSchema, example: Example, variable: str) -> list[bool]:
    """Which inputs the node has: those of the example, and one of the variable if the schema has any."""
    count = min(max(len(example.inputs), schema.min_input), schema.max_input)
    present = [i >= len(example.inputs) or bool(example.inputs[i]) for i in range(count)]
    of_variable = [i for i, formal in enumerate(schema.inputs) if formal.type_str == variable]
    if of_variable and not any(present[i] for i in range(count) if parameter(schema.inputs, i).type_str == variable):
        present += [False] * (of_variable[0] + 1 - count)
        present[of_variable[0]] = True
    for i, formal in enumerate(schema.inputs[: len(present)]):
        present[i] = present[i] or formal.option == OpSchema.FormalParameterOption.Single
    return present


def output_count(schema: OpSchema, example: Example, variable: str) -> int:
    count = min(max(example.outputs, schema.min_output, 1), schema.max_output)
    if any(formal.type_str == variable for formal in schema.inputs):
        return count
    of_variable = [i for i, formal in enumerate(schema.outputs) if formal.type_str == variable]
    return max([count, *(i + 1 for i in of_variable[:1])])


def assignments(schema: OpSchema, example: Example, variable: str, kind: str) -> Iterator[dict[str, str]]:
    """Types for all variables with the asked one fixed: the others as in the example, then of the same element type, then each type."""
    allowed = constraints(schema)
    others = [name for name in allowed if name != variable]
    base = {}
    for name in others:
        shown = [example.inputs[i] for i in range(len(example.inputs)) if schema.inputs and parameter(schema.inputs, i).type_str == name]
        liked = [*shown, "tensor(float)", "tensor(int64)", "seq(tensor(float))", "optional(tensor(float))"]
        base[name] = next((choice for choice in liked if choice in allowed[name]), allowed[name][0])
    yield base | {variable: kind}
    alike = {name: [choice for choice in allowed[name] if element_name(choice) == element_name(kind)] or [base[name]] for name in others}
    for choices in itertools.product(*alike.values()):
        yield dict(zip(others, choices)) | {variable: kind}
    for name in others:
        for choice in allowed[name]:
            yield base | {variable: kind, name: choice}
    if len(others) == 2:
        for choices in itertools.product(*(allowed[name] for name in others)):
            yield dict(zip(others, choices)) | {variable: kind}


def identity_body(input_types: list[str], flag: bool, counter: bool) -> onnx.GraphProto:
    """A subgraph that passes its inputs on; with the counter and the condition of a Loop."""
    inputs, nodes, outputs = [], [], []
    if counter:
        inputs.append(helper.make_value_info("iteration", type_proto("tensor(int64)")))
    if flag:
        inputs.append(helper.make_value_info("condition", type_proto("tensor(bool)")))
        nodes.append(helper.make_node("Identity", ["condition"], ["go_on"]))
        outputs.append(helper.make_value_info("go_on", type_proto("tensor(bool)")))
    for i, kind in enumerate(input_types):
        inputs.append(helper.make_value_info(f"in{i}", type_proto(kind)))
        nodes.append(helper.make_node("Identity", [f"in{i}"], [f"out{i}"]))
        outputs.append(helper.make_value_info(f"out{i}", type_proto(kind)))
    return helper.make_graph(nodes, "body", inputs, outputs)


def with_subgraphs(schema: OpSchema, types: dict[str, str]) -> tuple[list[str], list[str], dict]:
    """Types of inputs and outputs and the attributes of a node with subgraphs that pass values on."""
    kind = types["V"]
    match schema.name:
        case "If":
            branch = helper.make_graph([helper.make_node("Identity", ["captured"], ["y"])], "branch", [],
                                       [helper.make_value_info("y", type_proto(kind))])
            return [types["B"]], [kind], {"then_branch": branch, "else_branch": branch}
        case "Loop":
            return [types["I"], types["B"], kind], [kind], {"body": identity_body([kind], True, True)}
        case "Scan":
            lengths = [types["I"]] if schema.since_version == 8 else []
            return [*lengths, kind, kind], [kind, kind], {"body": identity_body([kind, kind], False, False), "num_scan_inputs": 1}
        case "SequenceMap":
            element = types["S"].removeprefix("seq(")[:-1]
            extra = kind.removeprefix("seq(")[:-1] if kind.startswith("seq(") else kind
            body = identity_body([element, extra], False, False)
            del body.output[1:], body.node[1:]
            return [types["S"], kind], [types["S"]], {"body": body}
    raise ValueError(f"{schema.name} has unknown subgraphs")


class NodeModel(NamedTuple):
    proto: onnx.ModelProto
    outputs: list[str]  # the types that they must have


def make_model(schema: OpSchema, nodes: list, inputs: list, outputs: list[str]) -> NodeModel:
    opsets = {"": onnx.defs.onnx_opset_version()} | {schema.domain: schema.since_version}
    graph = helper.make_graph(nodes, schema.name, inputs, [onnx.ValueInfoProto(name=f"y{i}") for i in range(len(outputs))])
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return NodeModel(helper.make_model(graph, ir_version=10, opset_imports=imports), outputs)


def node_model(schema: OpSchema, example: Example, variable: str, types: dict[str, str]) -> NodeModel:
    """The model of a node like the example, whose type variables have the types."""
    if schema.name == "Gradient":
        # T1 is also the type of what the function is not differentiated by.
        inputs = [helper.make_value_info("x0", type_proto(types["T2"])), helper.make_value_info("x1", type_proto(types["T1"]))]
        gradient = helper.make_node("Gradient", ["x0", "x1"], ["y0"], domain=schema.domain, xs=["x0"], zs=["x1"], y="negative")
        return make_model(schema, [helper.make_node("Neg", ["x0"], ["negative"]), gradient], inputs, [types["T2"]])
    if schema.name in ("If", "Loop", "Scan", "SequenceMap"):
        kinds, outputs, attributes = with_subgraphs(schema, types)
    else:
        kinds = [types.get(formal.type_str, formal.type_str) if present else ""
                 for i, present in enumerate(present_inputs(schema, example, variable)) for formal in [parameter(schema.inputs, i)]]
        outputs = [types.get(formal.type_str, formal.type_str)
                   for i in range(output_count(schema, example, variable)) for formal in [parameter(schema.outputs, i)]]
        attributes = {name: REQUIRED[name] for name, attribute in schema.attributes.items() if attribute.required and name in REQUIRED}
        attributes |= example.attributes
        attributes |= deciding_attributes(schema, types)
    node = helper.make_node(schema.name, [f"x{i}" if kind else "" for i, kind in enumerate(kinds)],
                            [f"y{i}" for i in range(len(outputs))], domain=schema.domain)
    for name, value in attributes.items():
        if isinstance(value, onnx.AttributeProto):
            node.attribute.append(value)
        elif name in schema.attributes:
            node.attribute.append(helper.make_attribute(name, value))
    inputs = [helper.make_value_info(f"x{i}", type_proto(kind)) for i, kind in enumerate(kinds) if kind]
    if schema.name == "If":
        inputs.append(helper.make_value_info("captured", type_proto(types["V"])))
    return make_model(schema, [node], inputs, outputs)


def node_models(schema: OpSchema, examples: list[Example], variable: str, kind: str) -> Iterator[NodeModel]:
    """Nodes whose `variable` has the type `kind`, the likeliest to be valid first."""
    for example in examples:
        for types in assignments(schema, example, variable, kind):
            yield node_model(schema, example, variable, types)
