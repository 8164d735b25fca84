"""The stand-in for AWS: moto, on a free port of this machine, for as long as standard input stays open.

Out: the port, a line on standard output. The test that holds the other end of the pipe ends it by ending, however it
ends. One request at a time: moto is not made for several.
"""

import os
import sys
import threading
from datetime import timezone

import cbor2
from moto.cloudwatch.models import cloudwatch_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

GET_METRIC_DATA = "/service/GraniteServiceVersion20100801/operation/GetMetricData"


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


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
moto = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", 0, stand_in(moto), request_handler=Quiet)
print(server.port, flush=True)
server.serve_forever()
