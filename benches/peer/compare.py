"""`make bench`: handwave and MediaPipe Hands with cvzone, in turn, on the same frames, on this machine.

In: the folder of the built examples and programs; the peer in .deps/peer. Out: tables on stdout, medians of ROUNDS
interleaved runs. CPU is the process's own clock, all threads. Converting a frame counts, decoding it does not.
If HANDWAVE_HANDS (default: ../shared/hands) is there, both also count the fingers in those labelled pictures.
"""
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
OURS, HANDWAVE = (Path(sys.argv[1]) / name for name in ("examples/bench", "handwave"))
PEER = [sys.executable, str(HERE / "peer.py")]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / ".deps/peer"), "GLOG_minloglevel": "3"}
HANDS = Path(os.environ.get("HANDWAVE_HANDS") or ROOT / "../shared/hands")
PERSON = ROOT / ".deps/peer/person.png"

ROUNDS = int(os.environ.get("ROUNDS", 3))
FPS, HOLD = 30, 0.8
# Frames in which a program may warm up.
WARM_UP = 10
# Scenario, its title, the peer's limit of hands, and the share of the peer's CPU that handwave may use.
SCENARIOS = [
    ("one", "one hand followed", 1, 0.4),
    ("one", "one hand, two allowed", 2, 0.25),
    ("two", "two hands", 2, 0.5),
    ("empty", "empty room, noise and flicker", 2, 0.08),
    ("person", "a person, no hand", 2, 0.25),
    ("appear", "hands appear in the room", 2, None),
    ("appear-person", "hands appear before a person", 2, None),
]


def run(command):
    """A program's JSON lines, the seconds to the first, and its peak memory in MB."""
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=ENVIRONMENT)
        first = process.stdout.readline()
        started = time.perf_counter() - began
        lines = [json.loads(line) for line in [first, *process.stdout] if line.strip()]
        _, status, used = os.wait4(process.pid, 0)
        # Already waited for; subprocess must not do it again.
        process.returncode = status
        if status:
            errors.seek(0)
            sys.exit(f"{' '.join(map(str, command))} failed:\n{errors.read().decode()[-2000:]}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return lines, started, used.ru_maxrss / unit


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def costs(lines, truth):
    """The cost of reading, and the share that was right."""
    warm = lines[WARM_UP:]
    read = [line["hands"] is not None for line, shown in zip(lines, truth) if shown]
    judged = [sorted(line["hands"]) == sorted(shown) for line, shown in zip(lines, truth) if shown and line["hands"]]
    return {
        "cpu": sum(line["cpu"] for line in warm) / len(warm) * FPS,
        "frame": statistics.median(line["cpu"] for line in warm),
        "median": statistics.median(line["wall"] for line in warm),
        "p95": percentile([line["wall"] for line in warm], 0.95),
        "rate": sum(read) / len(read) * FPS if read else None,
        "right": sum(judged) / len(judged) if judged else None,
    }


def reactions(lines, truth):
    """Milliseconds from each hand's first frame to the first right reading, and from the end of its hold to the
    command; None if there was none. The peer has no gestures: for it the plain rule counts, all readings right for HOLD."""
    seen, told = [], []
    fires = any(line["fired"] for line in lines)
    begins = [i for i in range(1, len(truth)) if truth[i] and truth[i - 1] == []]
    for begin in begins:
        end = next(i for i in range(begin, len(truth)) if not truth[i])
        right = [lines[i]["hands"] == truth[i] for i in range(begin, end)]
        after = lambda i: i / FPS * 1e3 + lines[begin + i]["wall"]
        first = right.index(True) if True in right else None
        seen.append(None if first is None else after(first))
        held = lambda i: i >= HOLD * FPS and all(right[i - int(HOLD * FPS) : i + 1])
        told_at = (i for i in range(end - begin) if (lines[begin + i]["fired"] == truth[begin][0] if fires else held(i)))
        told.append(next((after(i) - HOLD * 1e3 for i in told_at), None))
    return seen, told


def medians(runs):
    return {key: statistics.median(r[key] for r in runs) if runs[0][key] is not None else None for key in runs[0]}


def number(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def row(what, peer, ours, goal=None, digits=1):
    ratio = f"{ours / peer:.2f}" if peer and ours is not None else "-"
    print(f"| {what} | {number(peer, digits)} | {number(ours, digits)} | {ratio} | {'' if goal is None else goal} |", flush=True)


def head(title):
    print(f"\n| {title} | MediaPipe, cvzone | handwave | ratio | goal |\n| --- | --- | --- | --- | --- |", flush=True)


def measure():
    """Runs everything; returns what each row of the tables needs."""
    results, once = {}, {"started": ([], []), "memory": ([], []), "inference": ([], [])}
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        frames = Path(folder) / "frames.raw"
        for scenario, name, most, _ in SCENARIOS:
            truth, _, _ = run([OURS, "frames", scenario, PERSON, frames])
            commands = ([*PEER, "read", frames, str(most)], [OURS, "read", frames])
            both = ([], [])
            for round_ in range(ROUNDS):
                print(f"{name}, round {round_ + 1} of {ROUNDS}", file=sys.stderr)
                for of, command in enumerate(commands):
                    lines, started, memory = run(command)
                    both[of].append((costs(lines, truth), reactions(lines, truth)))
                    if most == 1:
                        once["started"][of].append(started)
                        once["memory"][of].append(memory)
                if most == 1:
                    # For the peer, a frame with one followed hand is one inference.
                    once["inference"][0].append(both[0][-1][0]["frame"])
                    once["inference"][1].append(costs(run([OURS, "inference", frames])[0], truth)["frame"])
            results[name] = both
    return results, {key: [statistics.median(of) for of in values] for key, values in once.items()}


def speed(results, once):
    head("CPU ms a second of 30 fps video")
    merged = {name: [medians([cost for cost, _ in runs]) for runs in both] for name, both in results.items()}
    for _, name, _, goal in SCENARIOS[:5]:
        row(name, *(of["cpu"] for of in merged[name]), goal)
    head("once")
    row("CPU ms an inference", *once["inference"], 0.85, 2)
    row("seconds from start to the first reading", *once["started"], "1 s", 2)
    row("peak memory, MB", *once["memory"], 0.3)
    head("a frame")
    for _, name, _, _ in SCENARIOS[:5]:
        of = merged[name]
        for key, what in (("median", "wall ms, median"), ("p95", "wall ms, 95 %"), ("rate", "readings a second"), ("right", "share right")):
            if of[0][key] is not None:
                row(f"{name}: {what}", of[0][key], of[1][key], 10 if key == "rate" else None, 3 if key == "right" else 1)
    head("reaction, ms")
    for _, name, _, _ in SCENARIOS[5:]:
        for which, what in enumerate(("hand appears -> first right reading", "hold ends -> command")):
            times = [[time for _, both in runs for time in both[which]] for runs in results[name]]
            known = [[time for time in of if time is not None] for of in times]
            goal = 150 if which == 0 else None
            row(f"{name}: {what}, median", *(statistics.median(of) if of else None for of in known))
            row(f"{name}: {what}, worst", *(max(of, default=None) for of in known), goal)
            row(f"{name}: {what}, never (of {len(times[0])})", *(len(a) - len(k) for a, k in zip(times, known)), digits=0)


def overlap(a, b):
    area = lambda box: max(box[2] - box[0], 0) * max(box[3] - box[1], 0)
    both = area([max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])])
    return both / (area(a) + area(b) - both or 1)


def counted(rows, hands):
    """How many of a picture's labelled hands are counted correctly: each by the hand on its box, or the surest hand."""
    if "xmin" not in rows[0]:
        surest = max(hands, key=lambda hand: hand.get("confidence", 0), default=None)
        return int(surest is not None and surest["fingers"] == int(rows[0]["fingers"]))
    right, left = 0, list(hands)
    for label in rows:
        box = [float(label[key]) for key in ("xmin", "ymin", "xmax", "ymax")]
        best = max(left, key=lambda hand: overlap(box, hand["box"]), default=None)
        if best is not None and overlap(box, best["box"]) > 0.2:
            left.remove(best)
            right += best["fingers"] == int(label["fingers"])
    return right


def accuracy():
    if not HANDS.is_dir():
        print(f"\nNo accuracy: there are no labelled hands in {HANDS}.")
        return
    head("share of hands counted right")
    for name in ("webcam", "tilted", "digits"):
        labels = {}
        for label in csv.DictReader((HANDS / name / "labels.csv").open()):
            labels.setdefault(str(HANDS / name / label["file"]), []).append(label)
        print(f"counting {len(labels)} pictures of {name}", file=sys.stderr)
        shares = []
        for command in ([*PEER, "count"], [HANDWAVE, "count", "--format", "json"]):
            said = {line["file"]: line["hands"] for line in run([*command, *labels])[0]}
            right = sum(counted(rows, said[file]) for file, rows in labels.items())
            shares.append(right / sum(map(len, labels.values())))
        row(name, *shares, digits=3)


if __name__ == "__main__":
    print(f"{os.cpu_count()} processors; medians of {ROUNDS} rounds, the two in turn; 640x480 at {FPS} fps")
    speed(*measure())
    accuracy()
