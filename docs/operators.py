#!/usr/bin/env python3
"""Writes the table of the operators, their versions and their types that hone runs.

    docs/operators.py FILE [--tool build/release/bin/hone_support] [--cases build/conformance/node]

For each schema in the package `onnx` (operator and version), each type variable of it and each type that the variable allows, the library
is asked to create a session for a model of one node where the variable has the type. The other variables have the types that they have in
a case of the conformance suite; where a provider refuses those, any that it takes make the type partly supported. The outputs must have the
types that the schema gives them.
"""
import argparse
import itertools
import pathlib
import re
import struct
import subprocess
from collections import defaultdict
from typing import NamedTuple

import onnx
from onnx.defs import OpSchema

from node_models import Examples, NodeModel, constraints, node_models
from onnx_types import canonical

# Nodes that are tried for one question when the likeliest is refused.
MOST_CANDIDATES = 400

HEAD = """# Operators

What the CPU provider runs of the operators of the package `onnx` {onnx}. For each operator, each version of it and each type that one of
its type variables allows, the library was asked to create a session for a model of one node where the variable has the type. This file is
generated; `tests/run.sh operators` compares it with what the library says:

```sh
cmake --build --preset release --target hone_support
.venv/bin/python tests/conformance/generate.py build/conformance
.venv/bin/python docs/operators.py docs/operators.md
```

Versions are those in which an operator changed; deprecated ones are left out. "all" stands for every type that the schemas allow, and `…`
in a reason for the type. Types after "Partly" are supported with some attributes, or some types of the other variables, alone.

"""


class Question(NamedTuple):
    schema: OpSchema
    variable: str
    type: str


def questions() -> list[Question]:
    schemas = [schema for schema in onnx.defs.get_all_schemas_with_history() if not schema.deprecated]
    schemas.sort(key=lambda schema: (schema.domain, schema.name, schema.since_version))
    result = []
    for schema in schemas:
        # A schema without type variables is one question.
        for variable, kinds in (constraints(schema) or {"": [""]}).items():
            result += [Question(schema, variable, kind) for kind in kinds]
    return result


def ask(tool: pathlib.Path, models: list[NodeModel]) -> list[str]:
    """Per model "" when the library takes it, else why not."""
    stream = b"".join(struct.pack("<I", len(model)) + model for model in (model.proto.SerializeToString() for model in models))
    command = [tool, "--level", "disabled", "--threads", "1"]
    answers = subprocess.run(command, input=stream, stdout=subprocess.PIPE, check=False).stdout.decode().splitlines()
    if len(answers) < len(models):
        raise SystemExit(f"{tool} stopped at\n{onnx.printer.to_text(models[len(answers)].proto)}")
    return [problem(model, answer) for model, answer in zip(models, answers)]


def problem(model: NodeModel, answer: str) -> str:
    verdict, _, rest = answer.partition(" ")
    if verdict == "no":
        return rest
    return "" if rest.split() == [canonical(output) for output in model.outputs] else "its outputs have other types"


class Refusals(NamedTuple):
    """The questions that are answered with no, with the reasons."""

    always: dict[Question, str]
    likeliest: dict[Question, str]  # by the provider, but only for the likeliest node


def refusals(tool: pathlib.Path, cases: pathlib.Path, asked: list[Question]) -> Refusals:
    examples = Examples(cases)

    def candidates(question: Question):
        return node_models(question.schema, examples.of(question.schema), question.variable, question.type)

    first = ask(tool, [next(candidates(question)) for question in asked])
    refused = {question: [answer] for question, answer in zip(asked, first) if answer}
    further = [(question, model) for question in refused for model in itertools.islice(candidates(question), 1, MOST_CANDIDATES)]
    for (question, _), answer in zip(further, ask(tool, [model for _, model in further])):
        refused[question].append(answer)
    result = Refusals({}, {})
    for question, answers in refused.items():
        if all(answers):
            result.always[question] = reason(question, answers)
        elif re.search("CPUExecutionProvider: |its input .* has type", answers[0]):
            result.likeliest[question] = reason(question, answers[:1])
    return result


def reason(question: Question, answers: list[str]) -> str:
    """The first answer that says why, without what all answers have."""
    text = next((answer for answer in answers if not answer.startswith("its outputs")), answers[0])
    text = re.sub(r"^.*?CPUExecutionProvider: |^node '[^']*' \([^)]*\): |^\d+ nodes? cannot run: +", "", text).split(";")[0]
    element = re.split(r"\W+", question.type.rstrip(")"))[-1]
    return re.sub(rf"tensor\({element}\)|\b{element}\b", "…", text).replace("|", "\\|")


def plain(kind: str) -> str:
    """A tensor is named by its elements."""
    return re.sub(r"^tensor\((\w+)\)$", r"\1", kind)


def listed(asked: list[Question], reasons: dict[Question, str]) -> str:
    """The types of the questions that have reasons, those of one reason together."""
    versions = defaultdict(list)
    for question in asked:
        if question in reasons:
            versions[question.variable, reasons[question], question.type].append(question.schema.since_version)
    groups = defaultdict(list)
    for (variable, why, kind), since in versions.items():
        groups[variable, why, tuple(since)].append(plain(kind))
    lines = [f"`{variable}` {', '.join(kinds)} ({', '.join(map(str, since))}): {why}" for (variable, why, since), kinds in groups.items()]
    return "; ".join(lines)


def cell(asked: list[Question], refused: Refusals) -> str:
    """What the table says of the types of one operator."""
    result = "all"
    if never := listed(asked, refused.always):
        result = f"{sum(question not in refused.always for question in asked)} of {len(asked)}, not {never}"
    if partly := listed(asked, refused.likeliest):
        result += f". Partly: {partly}"
    return result


def table(domain: str, asked: list[Question], refused: Refusals) -> str:
    operators = defaultdict(list)
    for question in asked:
        if question.schema.domain == domain:
            operators[question.schema.name].append(question)
    lines = [f"## {domain or 'ai.onnx'}", "", "| operator | versions | types |", "|---|---|---|"]
    for name, of_operator in operators.items():
        since = sorted({question.schema.since_version for question in of_operator})
        lines.append(f"| {name} | {', '.join(map(str, since))} | {cell(of_operator, refused)} |")
    return "\n".join(lines) + "\n"


def totals(asked: list[Question], refusal: Refusals) -> str:
    """A table of how much is supported: an operator or a version counts when none of its types is refused."""
    refused = refusal.always
    lines = ["| | of the standard | all types | some types |", "|---|---|---|---|"]
    for what, key in (
        ("operators", lambda schema: (schema.domain, schema.name)),
        ("versions of operators", lambda schema: (schema.domain, schema.name, schema.since_version)),
    ):
        everything = {key(question.schema) for question in asked}
        partly = {key(question.schema) for question in refused}
        none = everything - {key(question.schema) for question in asked if question not in refused}
        lines.append(f"| {what} | {len(everything)} | {len(everything - partly)} | {len(partly - none)} |")
    lines.append(f"| types of versions of operators | {len(asked)} | {len(asked) - len(refused)} | |")
    return "\n".join(lines) + f"\n\nOf the last number, {len(refusal.likeliest)} are supported partly.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path, help="what is written")
    parser.add_argument("--tool", type=pathlib.Path, default="build/release/bin/hone_support", help="asked by standard input")
    parser.add_argument("--cases", type=pathlib.Path, default="build/conformance/node", help="cases of the conformance suite")
    arguments = parser.parse_args()
    asked = questions()
    refused = refusals(arguments.tool, arguments.cases, asked)
    counted = totals(asked, refused)
    domains = sorted({question.schema.domain for question in asked})
    tables = [table(domain, asked, refused) for domain in domains]
    arguments.file.write_text(HEAD.format(onnx=onnx.__version__) + counted + "\n" + "\n".join(tables))
    print(f"operators: {len(asked) - len(refused.always)} of {len(asked)} types of versions of operators are supported")


if __name__ == "__main__":
    main()
