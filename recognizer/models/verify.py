"""Holds the converted model to a second reading of its weights. Used by convert.py.

The reference is written in numpy from the network's description, batch norm unfolded, in fp32: it shares nothing with
the converter but the weights.
"""

import json
import sys
import time

import numpy as np
import onnxruntime
from PIL import Image

SIDE, EPSILON = 224, 1e-3
STAGES = [(1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6), (1, 3, 1, 6)]
# The weights are rounded to fp16: the largest difference of a probability that --check allows, and a test.
LIMIT, TESTS_LIMIT = 0.01, 0.05


def picture(file):
    """The centre square, resized with an antialiased bicubic filter; from -1 to 1."""
    image = Image.open(file).convert("RGB")
    wide, high = image.size
    side = min(wide, high)
    left, top = (wide - side) // 2, (high - side) // 2
    square = image.resize((SIDE, SIDE), Image.BICUBIC, box=(left, top, left + side, top + side))
    return ((np.asarray(square, np.float32) - 127) / 128).transpose(2, 0, 1)


def reference(weights, x):
    def norm(x, name):
        part = lambda which: weights[f"{name}.{which}"].reshape(-1, 1, 1)
        return (x - part("running_mean")) / np.sqrt(part("running_var") + EPSILON) * part("weight") + part("bias")

    def conv(x, name, stride=1):
        kernel = weights[name + ".weight"]
        size, side = kernel.shape[2], x.shape[1]
        out = -(-side // stride)
        total = max((out - 1) * stride + size - side, 0)
        x = np.pad(x, ((0, 0), (total // 2, total - total // 2), (total // 2, total - total // 2)))
        result = 0
        for row in range(size):
            for column in range(size):
                seen = x[:, row : row + out * stride : stride, column : column + out * stride : stride][:, :out, :out]
                tap = kernel[:, :, row, column]
                depthwise = kernel.shape[1] == 1
                result = result + (seen * tap.reshape(-1, 1, 1) if depthwise else np.tensordot(tap, seen, 1))
        return result

    clip = lambda x: np.clip(x, 0, 6)
    x = clip(norm(conv(x, "_conv_stem", 2), "_bn0"))
    number = 0
    for repeats, _, stride, expansion in STAGES:
        for repeat in range(repeats):
            name, before = f"_blocks.{number}", x
            if expansion != 1:
                x = clip(norm(conv(x, name + "._expand_conv"), name + "._bn0"))
            x = clip(norm(conv(x, name + "._depthwise_conv", stride if repeat == 0 else 1), name + "._bn1"))
            x = norm(conv(x, name + "._project_conv"), name + "._bn2")
            x = x + before if repeat else x
            number += 1
    x = clip(norm(conv(x, "_conv_head"), "_bn1"))
    logits = weights["_fc.weight"] @ x.mean((1, 2)) + weights["_fc.bias"]
    each = np.exp(logits - logits.max())
    return each / each.sum()


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def pictures(folder):
    return sorted(file for file in folder.iterdir() if file.suffix in (".jpg", ".png"))


def check(weights, model, folder):
    run, noise = session(model), np.random.default_rng(1)
    inputs = {file.name: picture(file) for file in pictures(folder)}
    inputs |= {"noise": noise.uniform(-1, 1, (3, SIDE, SIDE)), "black": np.full((3, SIDE, SIDE), -127 / 128)}
    for name, x in inputs.items():
        expected = reference(weights, x.astype(np.float32))
        [[found]] = run.run(None, {"image": x.astype(np.float32)[None]})
        far = float(np.abs(found - expected).max())
        print(f"{name}: {far:.6f} from the reference, best {expected.argmax()}")
        if far > LIMIT or found.argmax() != expected.argmax() and expected.max() > 0.2:
            sys.exit(f"{name}: the model's answer is not the reference's")


def golden(weights, labels, folder):
    answers = {"limit": TESTS_LIMIT}
    for file in pictures(folder):
        each = reference(weights, picture(file))
        best = np.argsort(-each)[:5]
        answers[file.name] = {labels[i]: round(float(each[i]), 5) for i in best}
    (folder / "answers.json").write_text(json.dumps(answers, indent=2) + "\n")


def measure(model):
    run, x = session(model), np.zeros((1, 3, SIDE, SIDE), np.float32)
    times = []
    for _ in range(50):
        start = time.process_time()
        run.run(None, {"image": x})
        times.append(time.process_time() - start)
    middle = sorted(times)[len(times) // 2] * 1000
    print(f"{middle:.1f} ms a picture, one thread, ONNX Runtime {onnxruntime.__version__}")
