"""The stand-in for AWS: moto, on a free port of this machine, for as long as standard input stays open.

Out: the port, a line on standard output. The test that holds the other end of the pipe ends it by ending, however it
ends. One request at a time: moto is not made for several. Who waits for a queue's messages does not hold up others.

`tests/machines.py` serves it too, with machines in it.
"""

import functools
import io
import json
import os
import select
import socket
import sys
import threading
import time
from datetime import timedelta, timezone

import cbor2
from moto import backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core import utils
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance, InstanceBackend, StateReason
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import sqs_backends
from werkzeug.serving import WSGIRequestHandler, make_server

GET_METRIC_DATA = "/service/GraniteServiceVersion20100801/operation/GetMetricData"


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


# From the launch of an instance whose user data ends with a shutdown until it powers itself off.
PREPARED_AFTER = 1.0
SHUTDOWN = "\nshutdown -h now\n"


def made_like_aws():
    """What moto lacks of starts and stops: a start moves the launch time, and is refused to what has ended; what is on or
    off already is left alone; user data runs at the first boot, and may power an instance off."""
    born, start, stop, start_all = Instance.__init__, Instance.start, Instance.stop, InstanceBackend.start_instances

    def be_born(self, backend, image_id, user_data, *args, **kwargs):
        born(self, backend, image_id, user_data, *args, **kwargs)
        script = user_data.decode() if hasattr(user_data, "decode") else user_data or ""
        if script.endswith(SHUTDOWN) and kwargs.get("instance_initiated_shutdown_behavior") == "stop":
            threading.Timer(PREPARED_AFTER, power_off, [self]).start()

    def power_off(self):
        if self._state.name == "running":
            stop(self)
            code = "Client.InstanceInitiatedShutdown"
            self.state_reason = StateReason(f"{code}: Instance initiated shutdown", code)

    def start_one(self):
        if self._state.name == "stopped":
            # EC2 tells whole seconds; here a stop and a start may be within one.
            self.launch_time = max(utcnow(), self.launch_time + timedelta(seconds=1))
            return start(self)
        return self._state

    def stop_one(self):
        return stop(self) if self._state.name == "running" else self._state

    def start_some(self, instance_ids):
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance._state.name not in ("running", "stopped"):
                message = f"The instance '{instance.id}' is not in a state from which it can be started."
                raise EC2ClientError("IncorrectInstanceState", message)
        return start_all(self, instance_ids)

    Instance.__init__, Instance.start, Instance.stop = be_born, start_one, stop_one
    InstanceBackend.start_instances = start_some


def get_metric_data(environ, start_response):
    """CloudWatch's answer in the protocol of its newer SDKs, RPC v2 CBOR, which moto does not speak."""
    asked = cbor2.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    begin, end = (asked[key].astimezone(timezone.utc).replace(tzinfo=None) for key in ("StartTime", "EndTime"))
    backend = cloudwatch_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
    results = [
        {
            "Id": result["id"],
            "Timestamps": [at.replace(tzinfo=timezone.utc) for at in result["timestamps"]],
            "Values": [float(value) for value in result["values"]],
            "StatusCode": "Complete",
        }
        for result in backend.get_metric_data(asked["MetricDataQueries"], begin, end, asked["ScanBy"])
    ]
    body = cbor2.dumps({"MetricDataResults": results}, datetime_as_timestamp=True)
    about = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor", "Content-Length": str(len(body))}
    start_response("200 OK", list(about.items()))
    return [body]


# One request at a time. Whoever looks at moto's own state holds it too.
ONE = threading.Lock()
# Between two looks at a queue that somebody waits for.
LOOK = 0.02


def queue_at(url):
    """A queue by its URL, None where there is none."""
    return sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].queues.get(url.rsplit("/", 1)[-1])


def long_poll(moto, environ, start_response):
    """Receives as SQS does for somebody who waits: as soon as there is a message. Only then is moto asked, as twenty
    who wait and ask would leave it no time for anything else."""
    asked = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    until = time.monotonic() + asked.get("WaitTimeSeconds", 0)
    body = json.dumps(asked | {"WaitTimeSeconds": 0}).encode()
    while True:
        with ONE:
            queue = queue_at(asked.get("QueueUrl", ""))
            # SQS too gives no message to who has gone.
            if has_gone(environ["werkzeug.socket"]):
                start_response("499 Gone", [])
                return []
            if queue is None or queue.messages or time.monotonic() >= until:
                environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
                return list(moto(environ, start_response))
        time.sleep(LOOK)


def has_gone(client):
    readable, _, _ = select.select([client], [], [], 0)
    try:
        return bool(readable) and client.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def quicker():
    """What moto does anew for each request and each message, a hundred times in ten milliseconds."""
    slow, modules = utils.unix_time, backends.list_of_moto_modules
    utils.unix_time = lambda at=None: slow(at) if at else time.time()
    backends.list_of_moto_modules = functools.cache(lambda: list(modules()))
    DomainDispatcherApplication.get_backend_for_host = functools.cache(DomainDispatcherApplication.get_backend_for_host)
    for name in ("camelcase_to_underscores", "method_names_from_class"):
        kept = functools.cache(getattr(utils, name))
        for module in [module for module in list(sys.modules.values()) if hasattr(module, name)]:
            setattr(module, name, kept)


def stand_in(moto):
    def answer(environ, start_response):
        if environ["PATH_INFO"] == GET_METRIC_DATA:
            with ONE:
                return get_metric_data(environ, start_response)
        if environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.ReceiveMessage":
            return long_poll(moto, environ, start_response)
        with ONE:
            return list(moto(environ, start_response))

    return answer


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


def server(watched=lambda moto: moto):
    """The server on a free port. What watches moto sees one request at a time."""
    made_like_aws()
    quicker()
    moto = watched(DomainDispatcherApplication(create_backend_app))
    return make_server("127.0.0.1", 0, stand_in(moto), threaded=True, request_handler=Quiet)


if __name__ == "__main__":
    threading.Thread(target=end_with_the_test, daemon=True).start()
    serving = server()
    print(serving.port, flush=True)
    serving.serve_forever()
