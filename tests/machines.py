"""Machines for the stand-in for AWS: a process for each running instance of a fleet. moto's own instances run nothing.

    PYTHONPATH=.deps/moto python3 tests/machines.py --fleet NAME [--boot 0.75] [--queue NAME] [--log FILE] COMMAND...

In: the fleet's tag, and what a machine runs. COMMAND's words may contain {power-off}, a shell command that powers the
machine off. It finds AWS in AWS_ENDPOINT_URL, and its machine's metadata in AWS_EC2_METADATA_SERVICE_ENDPOINT.
Out: moto's port, a line on standard output. Into the log, a JSON line for each thing that happens to a machine and, ten
times a second, for how many there are and how deep the queue is. What COMMAND says, on standard error. It ends when
standard input does, and its machines too.

A machine takes a while to boot, in which COMMAND starts, as it shares this machine's processors with many; it gets no
message before. COMMAND runs again where it fails. It is cut off (SIGKILL) where its instance is stopped or terminated
from outside. Powered off from inside, its instance is stopped or terminated as it was launched to.
Whatever holds a message of the queue at that moment is told: each machine has credentials of its own, and so the
stand-in knows who received what.
"""

import argparse
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).parent / "fleet" / "aws"))

import stand_in
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import StateReason

REGION = "us-east-1"
LOOK, SAMPLE = 0.02, 0.1
# As systemd has it for a service that fails.
RESTART = 1.0
# For how long a terminated instance is described. EC2's is an hour.
REMEMBERED = 20.0
OFF = "Client.InstanceInitiatedShutdown"


def called(environ):
    """Who makes a request, by the key that it is signed with, and the permission that it needs: of S3 and SQS."""
    signed = environ.get("HTTP_AUTHORIZATION") or unquote(environ.get("QUERY_STRING", "")).replace("X-Amz-", "")
    key, _, _, service, *_ = [*signed.partition("Credential=")[2].split("/"), "", "", "", ""]
    if target := environ.get("HTTP_X_AMZ_TARGET", "").removeprefix("AmazonSQS."):
        return key, f"sqs:{target.removesuffix('Batch')}"
    if service != "s3":
        return key, service
    is_object = environ["PATH_INFO"].strip("/").count("/") > 0
    what = {"GET": ("List", "Get"), "HEAD": ("List", "Get"), "PUT": ("Create", "Put"), "POST": ("Delete", "Post")}
    verb = what.get(environ["REQUEST_METHOD"], ("Delete", "Delete"))[is_object]
    return key, f"s3:{verb}{'Object' if is_object else 'Bucket'}"


def generous(asked):
    """A launch as EC2 understands it: of as many as it has room for. moto launches only as many as there must be."""
    most = re.search(rb"MaxCount=(\d+)", asked)
    return re.sub(rb"MinCount=\d+", b"MinCount=" + most[1], asked) if most else asked


class Metadata(BaseHTTPRequestHandler):
    """The instance metadata service of one machine, version 2."""

    def do_PUT(self):
        lives = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path == "/latest/api/token" and lives.isdigit():
            return self.answer(200, "token", {"X-aws-ec2-metadata-token-ttl-seconds": lives})
        self.answer(400, "")

    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") != "token":
            return self.answer(401, "")
        value = self.server.machine.metadata(self.path.removeprefix("/latest/meta-data/"))
        self.answer(*((404, "") if value is None else (200, value)))

    def answer(self, status, text, headers=None):
        body = text.encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "text/plain", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Machine:
    """One instance's hardware. `works` once its command has asked for messages; `holds` are those that it has received
    and not deleted."""

    def __init__(self, of, instance):
        self.of, self.instance, self.works, self.holds = of, instance, False, set()
        self.starts_at, self.process, self.ended = time.monotonic(), None, False
        self.boots_until = self.starts_at + of.boot
        self.switch = of.folder / instance.id
        self.service = ThreadingHTTPServer(("127.0.0.1", 0), Metadata)
        self.service.daemon_threads, self.service.machine = True, self
        threading.Thread(target=self.service.serve_forever, daemon=True).start()

    def metadata(self, path):
        with stand_in.ONE:
            tags = self.of.backend.tags.get(self.instance.id, {})
            shows_tags = self.instance.metadata_options.instance_metadata_tags == "enabled"
        if path == "instance-id":
            return self.instance.id
        if path == "placement/region":
            return REGION
        return tags.get(path.removeprefix("tags/instance/")) if shows_tags and path.startswith("tags/") else None

    def look(self):
        """One step of its life. Called with the stand-in's lock held."""
        if self.instance.state != "running":
            self.cut_off()
        elif self.switch.exists():
            self.power_off()
        elif self.process is None:
            if time.monotonic() >= self.starts_at:
                self.run()
        elif self.process.poll() not in (None, 0):
            self.of.tell("failed", self, status=self.process.returncode)
            self.process, self.works, self.starts_at = None, False, time.monotonic() + RESTART

    def run(self):
        words = [word.replace("{power-off}", f": > {shlex.quote(str(self.switch))}") for word in self.of.command]
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": self.of.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.instance.id,
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-stand-in",
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{self.service.server_port}",
        }
        said = {"stdin": subprocess.DEVNULL, "stdout": sys.stderr, "stderr": sys.stderr}
        # A session of its own: a Ctrl-C is not for it.
        self.process = subprocess.Popen(words, env=environment, start_new_session=True, **said)
        self.of.tell("started", self)

    def cut_off(self):
        """From outside: whatever it does ends now."""
        runs = self.process is not None and self.process.poll() is None
        if runs:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.end("killed" if runs else "cut off", amid=len(self.holds))

    def power_off(self):
        terminates = self.instance.instance_initiated_shutdown_behavior == "terminate"
        change = self.of.backend.terminate_instances if terminates else self.of.backend.stop_instances
        change([self.instance.id])
        self.instance.state_reason = StateReason(f"{OFF}: Instance initiated shutdown", OFF)
        self.end("powered off", amid=len(self.holds))

    def end(self, what, **more):
        self.ended = True
        self.switch.unlink(missing_ok=True)
        threading.Thread(target=self.service.shutdown, daemon=True).start()
        self.of.tell(what, self, **more)


class Machines:
    """All machines of a fleet."""

    def __init__(self, args, folder, log):
        self.fleet, self.boot, self.queue, self.command = args.fleet, args.boot, args.queue, args.command
        self.folder, self.log, self.url = Path(folder), log, None
        self.backend, self.began = ec2_backends[DEFAULT_ACCOUNT_ID][REGION], time.monotonic()
        # The machines by their ids, what ended and when, how often each message was received, who called what.
        self.at, self.gone, self.received, self.called = {}, deque(), {}, set()

    def tell(self, what, machine=None, **more):
        line = {"at": round(time.monotonic() - self.began, 3), "what": what}
        line |= {"machine": machine.instance.id} if machine else {}
        print(json.dumps(line | more), file=self.log, flush=True)

    def instances(self):
        every = [instance for reservation in self.backend.reservations.values() for instance in reservation.instances]
        return [each for each in every if self.backend.tags.get(each.id, {}).get("handwave:fleet") == self.fleet]

    def live(self):
        sampled = 0.0
        while True:
            with stand_in.ONE:
                instances = [instance for instance in self.instances() if instance.state == "running"]
                for instance in instances:
                    if instance.id not in self.at:
                        self.at[instance.id] = Machine(self, instance)
                for machine in list(self.at.values()):
                    machine.look()
                    if machine.ended:
                        del self.at[machine.instance.id]
                        if machine.instance.state == "terminated":
                            self.gone.append((machine.instance, time.monotonic()))
                self.forget()
                if time.monotonic() - sampled >= SAMPLE:
                    sampled = time.monotonic()
                    self.sample(instances)
            time.sleep(LOOK)

    def forget(self):
        """Terminated instances are not described for ever. Each takes moto 10 ms a time."""
        while self.gone and time.monotonic() - self.gone[0][1] >= REMEMBERED:
            instance, _ = self.gone.popleft()
            for reservation in self.backend.reservations.values():
                reservation.instances = [each for each in reservation.instances if each is not instance]

    def sample(self, instances):
        tags = [self.backend.tags.get(instance.id, {}) for instance in instances]
        queue = stand_in.queue_at(self.queue) if self.queue else None
        self.tell(
            "sample",
            instances=len(instances),
            retiring=sum("handwave:retiring" in of for of in tags),
            workers=sum(machine.works and machine.process.poll() is None for machine in self.at.values()),
            visible=queue.approximate_number_of_messages if queue else 0,
            in_flight=queue.approximate_number_of_messages_not_visible if queue else 0,
        )

    def booting(self, server):
        """The server, which lets a machine that boots wait for its first messages."""

        def answer(environ, start_response):
            who, action = called(environ)
            machine = self.at.get(who)
            if machine and action == "sqs:ReceiveMessage":
                time.sleep(max(0.0, machine.boots_until - time.monotonic()))
                if not machine.works:
                    machine.works = True
                    self.tell("booted", machine)
            return server(environ, start_response)

        return answer

    def watched(self, moto):
        """moto, with a note of who calls what, and of who receives and deletes the queue's messages."""

        def answer(environ, start_response):
            who, action = called(environ)
            if (who, action) not in self.called:
                self.called.add((who, action))
                self.tell("called", self.at.get(who), who=who, action=action)
            if action not in ("ec2", "sqs:ReceiveMessage", "sqs:DeleteMessage"):
                return moto(environ, start_response)
            asked = generous(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            environ |= {"wsgi.input": io.BytesIO(asked), "CONTENT_LENGTH": str(len(asked))}
            body = b"".join(moto(environ, start_response))
            if action != "ec2":
                self.note(self.at.get(who), json.loads(asked), json.loads(body or b"{}"))
            return [body]

        return answer

    def note(self, machine, asked, answered):
        if asked.get("QueueUrl", "").rsplit("/", 1)[-1] != self.queue:
            return
        for each in self.at.values():
            each.holds.discard(asked.get("ReceiptHandle"))
        for message in answered.get("Messages") or []:
            if machine:
                machine.holds.add(message["ReceiptHandle"])
            id = message["MessageId"]
            self.received[id] = self.received.get(id, 0) + 1
            if self.received[id] > 1:
                self.tell("received again", machine, message=id)

    def end(self):
        for machine in self.at.values():
            if machine.process is not None and machine.process.poll() is None:
                os.killpg(machine.process.pid, signal.SIGKILL)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fleet", required=True, help="the value of the tag handwave:fleet")
    parser.add_argument("--boot", type=float, default=0.75, help="seconds until a machine gets messages")
    parser.add_argument("--queue", default="", help="the name of the queue whose messages are watched")
    parser.add_argument("--log", type=Path, default=Path(os.devnull), help="the file for what happens")
    parser.add_argument("command", nargs="+", help="what a machine runs")
    return parser.parse_args()


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder, args.log.open("a") as log:
        machines = Machines(args, folder, log)
        server = stand_in.server(machines.watched)
        server.app = machines.booting(server.app)
        machines.url = f"http://127.0.0.1:{server.port}"
        for run in (server.serve_forever, machines.live):
            threading.Thread(target=run, daemon=True).start()
        print(server.port, flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            sys.stdin.read()
        finally:
            stand_in.ONE.acquire()
            machines.end()
    os._exit(0)


if __name__ == "__main__":
    main()
