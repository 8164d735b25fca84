"""Shows that a fleet of recognizers follows its queue: real workers, the real handwave, a stand-in for AWS.

    PYTHONPATH=.deps/moto python3 tests/elastic.py --bin target/debug [--chart FILE] [--short]

In: the folder with the two binaries. Out: a table beside the times of the seeds, which are two descriptions of such a
service; what was counted; a chart (SVG) of the queue and the workers over time. `--short` is the test: ten pictures,
from none to as many instances as it takes and back, as a line of JSON; and the tiers' permissions, held to what they
called. Exit status 1, and a sentence, where something is not as it should be.

Everything runs at SPEED times the pace of life. A picture takes 20 s on the seeds' slow instance, and an instance boots
in 45 s. handwave measures no more often than once a second, which is its own default of a minute at this speed.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3

import chart

ROOT = Path(__file__).parent.parent
SPEED = 60
# Seconds of life.
PICTURE, BOOT, HOLD, WINDOW, FINISH, EVERY = 20, 45, 600, 300, 3600, 60
MOST = 19
# What a worker does in a minute of life.
BACKLOG = 60 // PICTURE
# Nothing takes so long, in seconds.
LONGEST = 90
# Minutes that the seeds tell for so many pictures: one instance, and elastic.
SEEDS = {10: (6, 4), 30: (11, 5)}
FLEET, REQUESTS = "recognizer", "recognizer-requests"
PLACES = ["--requests", REQUESTS, "--input", "recognizer-input", "--output", "recognizer-output"]
# Pictures, and the probabilities of their labels.
PICTURES = ROOT / "recognizer/tests/golden"
# Permissions that are needed where something went wrong or takes long.
SELDOM = {"s3:ListBucket", "s3:GetObject", "sqs:ChangeMessageVisibility"}
# The hand of this recording opens to four fingers and launches as many.
HAND, FINGERS = ROOT / "tests/recordings/passing-through-counts.jsonl", 4
CLEAN = {
    "AWS_ACCESS_KEY_ID": "AKIDSTANDIN",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-stand-in",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_REGION": "us-east-1",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}


class Wrong(Exception):
    """What is not as it should be, as a sentence."""


class Stage:
    """The stand-in with its machines, the queues and buckets, and the web tier."""

    def __init__(self, args, folder):
        self.args, self.folder, self.children, self.environment = args, folder, [], CLEAN
        self.log, self.read, self.lines = folder / "machines.jsonl", 0, []

    def open(self):
        # A second's wait for messages, the shortest that there is, is a minute of life.
        worker = [self.binary("recognizer"), "work", *PLACES, "--wait", "1s", "--pace", f"{1000 * PICTURE // SPEED}ms"]
        command = [sys.executable, ROOT / "tests/machines.py", "--fleet", FLEET, "--queue", REQUESTS]
        command += ["--boot", BOOT / SPEED, "--log", self.log, "--", *worker, "--power-off", "{power-off}"]
        port = self.start(command, "machines", stdin=subprocess.PIPE).stdout.readline().strip()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = CLEAN | {"AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true"}
        self.run([self.binary("recognizer"), "setup", *PLACES])
        command = [self.binary("recognizer"), "web", "--listen", "127.0.0.1:0", *PLACES]
        ready = re.search(r"http://\S+", self.start(command, "web", key="WEB").stdout.readline())
        if not ready:
            raise Wrong(f"the web tier does not start: {(self.folder / 'web.log').read_text().strip()}")
        self.web = ready.group()
        reach = {"endpoint_url": self.url, "region_name": CLEAN["AWS_REGION"]}
        self.ec2, self.sqs = (boto3.client(service, **reach) for service in ("ec2", "sqs"))

    def binary(self, name):
        return self.args.bin / name

    def start(self, command, name, key=CLEAN["AWS_ACCESS_KEY_ID"], **more):
        environment = {**os.environ, **self.environment, "AWS_ACCESS_KEY_ID": key}
        with (self.folder / f"{name}.log").open("a") as said:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": said, **more}
            child = subprocess.Popen([str(word) for word in command], env=environment, text=True, **pipes)
        self.children.append(child)
        return child

    def run(self, command):
        environment = {**os.environ, **self.environment}
        words = [str(word) for word in command]
        try:
            done = subprocess.run(words, env=environment, text=True, capture_output=True, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            raise Wrong(f"{' '.join(words[:2])} has not ended after {LONGEST} s") from None
        if done.returncode:
            raise Wrong(f"{' '.join(words[:2])} failed: {done.stderr.strip()}")
        return done.stdout

    def end(self):
        for child in reversed(self.children):
            if child.stdin:
                child.stdin.close()
            elif child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()

    def all(self):
        """Everything in the machines' log until now."""
        with self.log.open() as log:
            log.seek(self.read)
            new = log.read()
        whole, _, _ = new.rpartition("\n")
        self.read += len(whole) + 1 if whole else 0
        self.lines += [json.loads(line) for line in whole.splitlines()]
        return self.lines

    def now(self):
        """The last sample."""
        return next((line for line in reversed(self.all()) if line["what"] == "sample"), None)

    def counted(self, what, since=0.0):
        return [line for line in self.all() if line["what"] == what and line["at"] >= since]

    def until(self, what, holds, seconds):
        """Waits until the last sample is so. Answers when."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sample = self.now()
            if sample and holds(sample):
                return sample["at"]
            time.sleep(0.05)
        raise Wrong(f"after {seconds} s {what} is still to come: {self.now()}")

    def launch(self):
        """One instance of the fleet, as the seeds' fixed application tier."""
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "handwave:fleet", "Value": FLEET}]}]
        metadata = {"HttpTokens": "required", "InstanceMetadataTags": "enabled"}
        more = {"MetadataOptions": metadata, "InstanceInitiatedShutdownBehavior": "terminate"}
        self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=tags, **more)
        self.until("the first worker", lambda sample: sample["workers"] == 1, 30)

    def load(self, n):
        """Sends n pictures at once and waits for their answers. Answers the summary with the seconds it took."""
        labels = self.folder / "labels.csv"
        if not labels.exists():
            known = json.loads((PICTURES / "answers.json").read_text())
            likely = {name: max(of, key=of.get) for name, of in known.items() if isinstance(of, dict)}
            labels.write_text("".join(f"{name},{label}\n" for name, label in likely.items()))
        command = [self.binary("recognizer"), "load", "--url", self.web, "--json", "--num-request", n]
        since = self.now()["at"]
        # It fails where an answer is wrong, lost or doubled.
        summary = json.loads(self.run([*command, "--folder", PICTURES, "--labels", labels]))
        return summary | {"took": summary["wall_ms"] / 1000, "since": since, "until": self.now()["at"]}

    def handwave(self, name, least, seconds=None, camera=None):
        """handwave with its queue policy."""
        hold = seconds or HOLD / SPEED
        url = self.sqs.get_queue_url(QueueName=REQUESTS)["QueueUrl"]
        config = self.folder / f"{name}.toml"
        config.write_text(f"""
[fleet]
name = "{FLEET}"
min = {least}
max = {MOST}
cloud = "aws"
[aws]
region = "us-east-1"
account = "123456789012"
endpoint_url = "{self.url}"
[instance]
ami = "ami-12c6146b"
[balancer]
kind = "none"
draining = {FINISH // SPEED}
[policy]
follow = ["queue"]
every = {EVERY / SPEED}
window = {WINDOW / SPEED if not seconds else 2 * EVERY / SPEED}
hold = {hold}
[policy.queue]
url = "{url}"
concurrency = 1
backlog = {BACKLOG}
[web]
listen = "127.0.0.1:0"
""")
        how = ["run", "--armed", "--headless", "--camera", camera] if camera else ["serve"]
        events = self.folder / f"{name}.jsonl"
        command = [self.binary("handwave"), *how, "--live", "--config", config, "--events", events]
        child = self.start(command, name, stdout=subprocess.DEVNULL)
        return Handwave(child, events, self.folder / f"{name}.log")


class Handwave:
    """A handwave that runs."""

    def __init__(self, child, events, said):
        self.child, self.file, self.said = child, events, said

    def ready(self, seconds):
        """Waits so long, if it is still there then."""
        time.sleep(seconds)
        if self.child.poll() is not None:
            raise Wrong(f"handwave ended: {self.said.read_text().strip()}")

    def events(self, name=None):
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [event for event in map(json.loads, lines) if name in (None, event["event"])]

    def end(self):
        if self.child.poll() not in (None, 0):
            raise Wrong(f"handwave ended: {self.said.read_text().strip()}")
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(20)


def film(path, at, then):
    """A recording of a hand that is shown `at` so many seconds, and of nothing for `then` seconds after it."""
    first, *shown = HAND.read_text().splitlines()
    times = lambda seconds: {"secs": int(seconds), "nanos": round(seconds % 1 * 1e9)}
    none = lambda seconds: {"reading": {"time": times(seconds), "size": [320, 240], "hands": [], "searched": True}}
    lines, last = [none(i / 10) for i in range(round(10 * at))], 0.0
    for line in map(json.loads, shown):
        last = at + line["reading"]["time"]["secs"] + line["reading"]["time"]["nanos"] / 1e9
        lines.append({"reading": line["reading"] | {"time": times(last)}})
    lines += [none(last + i / 10) for i in range(1, round(10 * then))]
    path.write_text("\n".join([first, *map(json.dumps, lines)]) + "\n")
    return path


def settles(stage, least, since):
    """Waits until the fleet is at its least again. Answers the most that served at a time meanwhile."""
    back = lambda sample: sample["instances"] == least and sample["visible"] + sample["in_flight"] == 0
    stage.until(f"a fleet of {least}", back, 60)
    samples = stage.counted("sample", since)
    most = max(sample["instances"] - sample["retiring"] for sample in samples)
    if most > MOST:
        raise Wrong(f"{most} instances served at a time, and {MOST} are the most")
    return most


def nothing_interrupted(stage):
    for what, said in (("killed", "worker was killed"), ("received again", "message was received again")):
        if again := stage.counted(what):
            raise Wrong(f"a {said}: {again}")


def held_to_the_policies(stage):
    """Neither tier calls what its policy does not allow, and no policy allows what its tier does not call."""
    called = {"worker": set(), "web": set()}
    for line in stage.counted("called"):
        if "machine" in line or line["who"] == "WEB":
            called["worker" if "machine" in line else "web"].add(line["action"])
    for tier, actions in called.items():
        policy = json.loads((ROOT / f"recognizer/aws/{tier}-policy.json").read_text())
        allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
        if actions - allowed or allowed - actions - SELDOM:
            raise Wrong(f"{tier}-policy.json allows {sorted(allowed)}, and the tier called {sorted(actions)}")


def short(stage):
    """The test: from none to as many as it takes, and back."""
    handwave = stage.handwave("short", 0, seconds=2)
    handwave.ready(7)
    summary = stage.load(10)
    most = settles(stage, 0, summary["since"])
    nothing_interrupted(stage)
    held_to_the_policies(stage)
    handwave.end()
    started, off = (len(stage.counted(what)) for what in ("started", "powered off"))
    print(json.dumps({"most": most, "started": started, "powered_off": off, "seconds": round(summary["took"], 1)}))


def proof(stage):
    stage.launch()
    fixed, elastic, most = {}, {}, {}
    for n in SEEDS:
        fixed[n] = stage.load(n)
    handwave = stage.handwave("from-one", 1)
    # Its start counts as a person's command.
    handwave.ready(HOLD / SPEED + 2)
    for n in SEEDS:
        elastic[n] = stage.load(n)
        most[n] = settles(stage, 1, elastic[n]["since"])
    handwave.end()
    handwave = stage.handwave("from-none", 0)
    settles(stage, 0, stage.now()["at"])
    elastic[100] = stage.load(100)
    most[100] = settles(stage, 0, elastic[100]["since"])
    handwave.end()
    table(fixed, elastic, most)
    began, ended = a_hand(stage)
    nothing_interrupted(stage)
    off, stayed = len(stage.counted("powered off")), ended - began
    print(f"""
All {sum(elastic)} elastic pictures were answered rightly and once. After each load the fleet was at its minimum again:
{off} instances powered themselves off when they had finished, 0 workers were killed, 0 messages came to a second worker.
A hand launched {FINGERS} with nothing to do. The policy left them for {stayed:.0f} min of life, as a person's command
holds for {HOLD // 60}, and then retired them.""")
    if stage.args.chart:
        spans = [(f"{n} pictures, one worker", each["since"], each["until"]) for n, each in fixed.items()]
        spans += [(f"{n} pictures, elastic", each["since"], each["until"]) for n, each in elastic.items()]
        spans.append((f"a hand's {FINGERS}", began, ended))
        stage.args.chart.write_text(chart.svg(stage.counted("sample"), spans, SPEED))
        print(f"The chart is in {stage.args.chart}.")
    for n, (one, many) in SEEDS.items():
        ours = elastic[n]["took"] / fixed[n]["took"]
        if ours >= many / one:
            busy = "is this machine busy with something else?"
            raise Wrong(f"{n} pictures take {ours:.2f} of one worker's time, the seeds' {many / one:.2f}; {busy}")


def a_hand(stage):
    """A hand launches, and nothing is to be done. Answers when its instances began and when the policy retired them."""
    hold = HOLD / SPEED
    path = film(stage.folder / "film.jsonl", hold + 2, 3 * hold)
    handwave = stage.handwave("hand", 0, camera=path)
    began = stage.until("the hand's launch", lambda sample: sample["instances"] == FINGERS, 60)
    commands = handwave.events("command")
    if [(each.get("side"), each.get("fingers")) for each in commands[:1]] != [("left", FINGERS)]:
        raise Wrong(f"the launch is not the hand's: {commands}")
    ended = stage.until("the end of the hold", lambda sample: sample["instances"] - sample["retiring"] < FINGERS, 60)
    settles(stage, 0, began)
    handwave.end()
    if ended - began < hold - 0.5:
        raise Wrong(f"the policy undid the hand's launch after {ended - began:.1f} s; a person holds for {hold:.0f} s")
    return began, ended


def table(fixed, elastic, most):
    minutes = lambda seconds: f"{seconds * SPEED / 60:.1f} min"
    print(f"At {SPEED} times the pace of life: {PICTURE} s a picture, {BOOT} s to boot, measured each {EVERY} s.\n")
    print("| pictures | the seeds' | ratio | one worker | elastic | ratio | most instances | p50 | p95 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for n, summary in elastic.items():
        seeds, ratio, one, ours = "", "", "", ""
        if n in SEEDS:
            seeds, ratio = "{} -> {} min".format(*SEEDS[n]), f"{SEEDS[n][1] / SEEDS[n][0]:.2f}"
            one, ours = minutes(fixed[n]["took"]), f"{summary['took'] / fixed[n]['took']:.2f}"
        print(f"| {n} | {seeds} | {ratio} | {one} | {minutes(summary['took'])} | {ours} | {most[n]} ", end="")
        print(f"| {minutes(summary['p50_ms'] / 1000)} | {minutes(summary['p95_ms'] / 1000)} |")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=Path, required=True, help="the folder with handwave and recognizer")
    parser.add_argument("--chart", type=Path, help="the file for the chart")
    parser.add_argument("--short", action="store_true", help="ten pictures, as a line of JSON")
    parser.add_argument("--keep", type=Path, help="the folder for what all the processes say")
    return parser.parse_args()


def main():
    args = arguments()
    # Nothing of what this machine knows of AWS.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(CLEAN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
        stage = Stage(args, args.keep or Path(folder))
        try:
            stage.open()
            short(stage) if args.short else proof(stage)
        except Wrong as wrong:
            print(f"elastic: {wrong}", file=sys.stderr)
            return 1
        finally:
            stage.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
