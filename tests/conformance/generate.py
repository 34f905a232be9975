#!/usr/bin/env python3
"""Writes the ONNX backend tests that the package `onnx` brings: DIR/{node,simple,pytorch-converted,pytorch-operator,light}/CASE.

usage: generate.py DIR          does nothing when DIR was written by the same version of the package

`backend-test-tools generate-data` writes the model cases alone; here the node cases are there too. The networks of light/ come without
inputs: by the rule of the suite's runner they are float32 of 0..n-1 over n, in the input's shape.
"""
import pathlib
import shutil
import sys

import numpy as np
import onnx
import onnx.backend.test as backend_test
from onnx import numpy_helper

DATA = pathlib.Path(backend_test.__file__).parent / "data"


def serialized(value, info) -> bytes:
    if isinstance(value, onnx.TensorProto):
        return value.SerializeToString()
    kind = info.type.WhichOneof("value")
    convert = {
        "map_type": numpy_helper.from_dict,
        "sequence_type": numpy_helper.from_list,
        "optional_type": numpy_helper.from_optional,
        "tensor_type": lambda array, name: numpy_helper.from_array(np.asarray(array), name),
    }[kind]
    return convert(value, info.name).SerializeToString()


def write_case(folder: pathlib.Path, case) -> None:
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    for k, (inputs, outputs) in enumerate(case.data_sets):
        data_set = folder / f"test_data_set_{k}"
        data_set.mkdir()
        for prefix, values, infos in (("input", inputs, case.model.graph.input), ("output", outputs, case.model.graph.output)):
            for i, value in enumerate(values):
                (data_set / f"{prefix}_{i}.pb").write_bytes(serialized(value, infos[i]))


def write_light(folder: pathlib.Path, model_file: pathlib.Path) -> None:
    data_set = folder / "test_data_set_0"
    data_set.mkdir(parents=True)
    shutil.copy(model_file, folder / "model.onnx")
    shutil.copy(model_file.with_name(model_file.stem + "_output_0.pb"), data_set / "output_0.pb")
    graph = onnx.load(model_file).graph
    initialized = {initializer.name for initializer in graph.initializer}
    for i, info in enumerate(info for info in graph.input if info.name not in initialized):
        shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
        n = int(np.prod(shape))
        array = (np.arange(n) / n).astype(np.float32).reshape(shape)
        (data_set / f"input_{i}.pb").write_bytes(numpy_helper.from_array(array, info.name).SerializeToString())


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    stamp = root / "onnx_version"
    if stamp.exists() and stamp.read_text() == onnx.__version__:
        return
    shutil.rmtree(root, ignore_errors=True)
    np.seterr(all="ignore")

    from onnx.backend.test.case.model import collect_testcases as model_cases
    from onnx.backend.test.case.node import collect_testcases as node_cases

    np.random.seed(0)  # some cases draw their inputs while they are collected
    for case in node_cases(None):
        write_case(root / "node" / case.name, case)
    for case in model_cases():
        if case.kind != "real":  # those would be downloaded
            write_case(root / case.kind / case.name, case)
    for kind in ("pytorch-converted", "pytorch-operator", "simple"):
        for folder in sorted((DATA / kind).iterdir()):
            if folder.is_dir():
                shutil.copytree(folder, root / kind / folder.name, dirs_exist_ok=True)
    for model_file in sorted((DATA / "light").glob("light_*.onnx")):
        write_light(root / "light" / f"test_{model_file.stem}", model_file)
    stamp.write_text(onnx.__version__)


if __name__ == "__main__":
    main()
