"""Compares the ONNX models with the tflite interpreter: the part of convert.py that needs requirements.txt's second half.

In:  a tflite file and the ONNX model made of it; the picture tests/golden/hand.png.
Out: a line for each input or measurement, exit status 1 if one is off; or tests/golden/{palm,landmark}.json.
"""
import json, pathlib, sys, time

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden"
SIZE = {"palm": 192, "landmark": 224}
# Largest difference allowed: pixels, logits, pixels, probabilities, metres. Where tflite and ONNX Runtime run on the
# same machine they differ by rounding only, by a third of this or less. The golden files allow for other machines.
LIMIT = {"boxes": 1e-2, "scores": 1e-3, "landmarks": 1e-3, "presence": 1e-5, "handedness": 1e-5, "world": 1e-5,
         "features": 1e-4}
GOLDEN_LIMIT = {"boxes": 5e-2, "scores": 5e-3, "landmarks": 2e-2, "presence": 1e-3, "handedness": 1e-3, "world": 1e-4,
                "features": 1e-3}


def picture(name):
    """hand.png as the model's NHWC input: the whole for the landmark model, the middle 192x192 for the palm model."""
    pixels = np.asarray(Image.open(GOLDEN / "hand.png").convert("RGB"), np.float32) / 255
    edge = (224 - SIZE[name]) // 2
    return pixels[None, edge:224 - edge, edge:224 - edge]


def inputs(name):
    hand = picture(name)
    y, x = np.mgrid[0:SIZE[name], 0:SIZE[name]].astype(np.float32)
    waves = np.stack([np.sin(x / 7), np.cos(y / 11), np.sin((x + y) / 23)], -1)[None] * 0.5 + 0.5
    noise = np.random.Generator(np.random.PCG64(7)).random(hand.shape, np.float32)
    return {"hand": hand, "mirrored": hand[:, :, ::-1], "turned": hand.transpose(0, 2, 1, 3), "dark": hand * 0.25,
            "noisy": np.clip(hand + (noise - 0.5) * 0.3, 0, 1), "noise": noise, "waves": waves.astype(np.float32),
            "black": hand * 0, "white": hand * 0 + 1}


def tflite_runner(data, ends=()):
    """Runs the model for the tensors `ends`. Some of them lie inside the graph, which costs the interpreter its speed."""
    interpreter = Interpreter(model_content=data, num_threads=1, experimental_preserve_all_tensors=bool(ends))
    interpreter.allocate_tensors()
    [image] = interpreter.get_input_details()

    def run(nhwc):
        interpreter.set_tensor(image["index"], np.ascontiguousarray(nhwc))
        interpreter.invoke()
        return [interpreter.get_tensor(end).copy() for end in ends]

    return run


def onnx_runner(model, level="ORT_ENABLE_ALL"):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda nhwc: session.run(None, {"image": np.ascontiguousarray(nhwc.transpose(0, 3, 1, 2))})


def check(name, outputs, tflite, ends, model, file):
    ok = file.exists() and file.read_bytes() == model
    print(f"{file.name}: {'is' if ok else 'IS NOT'} what convert.py makes")
    want, got = tflite_runner(tflite, ends), onnx_runner(model)
    for label, image in inputs(name).items():
        off = {out: float(np.abs(a - b).max()) for out, a, b in zip(outputs, want(image), got(image), strict=True)}
        fine = all(off[out] <= LIMIT[out] for out in outputs)
        ok &= fine
        told = "  ".join(f"{out} {off[out]:.1e} (<= {LIMIT[out]:g})" for out in outputs)
        print(f"  {'same' if fine else 'OFF ':4} {label:9} {told}")
    if not ok:
        sys.exit(1)


def golden(name, outputs, tflite, ends):
    numbers = lambda array: [float(f"{value:.7g}") for value in array.ravel()]
    result = dict(zip(outputs, tflite_runner(tflite, ends)(picture(name)), strict=True))
    written = {"limit": {out: GOLDEN_LIMIT[out] for out in outputs}}
    if name == "palm":
        # All scores, but only the boxes of the 50 best anchors and of each 16th: the file would have 145 KB otherwise.
        scores = result["scores"].ravel()
        anchors = sorted({*np.argsort(-scores, kind="stable")[:50].tolist(), *range(0, len(scores), 16)})
        written |= {"scores": numbers(scores), "boxes": {i: numbers(result["boxes"][0, i]) for i in anchors}}
    else:
        written |= {out: numbers(result[out]) for out in outputs}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in written.items()]
    (GOLDEN / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def measure(name, tflite, blocked, plain):
    """CPU time of a run on one thread. The runners take turns, so that other load on the machine affects all of them equally.

    NCHW: tflite's graph, without ONNX Runtime's blocked layout. plain: the same graph with it. blocked: our graph.
    """
    image, times = picture(name), {}
    runners = {"NCHW": onnx_runner(plain, "ORT_ENABLE_EXTENDED"), "plain": onnx_runner(plain),
               "blocked": onnx_runner(blocked), "tflite": tflite_runner(tflite)}
    for _ in range(60):
        for label, run in runners.items():
            run(image)  # warms the caches
            for _ in range(3):
                start = time.process_time()
                run(image)
                times.setdefault(label, []).append((time.process_time() - start) * 1e3)
    middle = {label: float(np.median(values)) for label, values in times.items()}
    print(f"{name}: " + ", ".join(f"{label} {ms:.1f} ms" for label, ms in middle.items())
          + "; blocked is " + ", ".join(f"{middle['blocked'] / middle[label]:.2f} of {label}" for label in ("NCHW", "plain")))
