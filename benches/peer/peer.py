"""MediaPipe's half of `make bench`, as its users write it, with cvzone; compare.py runs it and handwave's half (ours.rs).

`read FRAMES HANDS` reads a scenario's raw RGB frames with at most that many hands, and prints a JSON line per frame, as
ours.rs does: CPU and wall milliseconds, and the hands; the first line at once. `count PICTURE...` reads unrelated pictures
and prints for each what `handwave count --format json` does.
"""
import json
import sys
import time

import cv2
import numpy
from cvzone.HandTrackingModule import HandDetector

WIDTH, HEIGHT = 640, 480


def hands(detector, picture):
    """Side and raised fingers of each hand. cvzone expects BGR and pictures that are not mirrored."""
    found, _ = detector.findHands(picture, draw=False)
    return [[hand["type"].lower(), sum(detector.fingersUp(hand)), hand["bbox"]] for hand in found]


def read(file, most):
    detector = HandDetector(maxHands=most)
    lines = []
    with open(file, "rb") as frames:
        while data := frames.read(3 * WIDTH * HEIGHT):
            rgb = numpy.frombuffer(data, numpy.uint8).reshape(HEIGHT, WIDTH, 3)
            # Not the peer's cost: its cameras deliver BGR.
            bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
            cpu, wall = time.process_time(), time.perf_counter()
            seen = hands(detector, bgr)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            line = {"cpu": cpu * 1e3, "wall": wall * 1e3, "hands": [hand[:2] for hand in seen], "fired": None}
            if not lines:
                print(json.dumps(line), flush=True)
            lines.append(line)
    for line in lines[1:]:
        print(json.dumps(line))


def count(files):
    detector = HandDetector(staticMode=True)
    for file in files:
        found = hands(detector, cv2.imread(file))
        said = [{"side": side, "fingers": fingers, "box": [x, y, x + w, y + h]} for side, fingers, (x, y, w, h) in found]
        print(json.dumps({"file": file, "hands": said}))


if __name__ == "__main__":
    mode, *words = sys.argv[1:]
    read(words[0], int(words[1])) if mode == "read" else count(words)
