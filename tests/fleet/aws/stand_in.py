"""The stand-in for AWS: moto, on a free port of this machine, for as long as standard input stays open.

Out: the port, a line on standard output. The test that holds the other end of the pipe ends it by ending, however it
ends. One request at a time: moto is not made for several.
"""

import os
import sys
import threading
from datetime import timedelta, timezone

import cbor2
from moto.cloudwatch.models import cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance, InstanceBackend, StateReason
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
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


def stand_in(moto):
    def answer(environ, start_response):
        metrics = environ["PATH_INFO"] == GET_METRIC_DATA
        return get_metric_data(environ, start_response) if metrics else moto(environ, start_response)

    return answer


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_the_test, daemon=True).start()
made_like_aws()
moto = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", 0, stand_in(moto), request_handler=Quiet)
print(server.port, flush=True)
server.serve_forever()
