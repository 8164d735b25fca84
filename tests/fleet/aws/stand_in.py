"""The stand-in for AWS: moto, on a free port of this machine, for as long as standard input stays open.

Out: the port, a line on standard output. The test that holds the other end of the pipe ends it by ending, however it
ends. One request at a time: moto is not made for several.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_request(self, *_):
        pass


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_the_test, daemon=True).start()
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), request_handler=Quiet)
print(server.port, flush=True)
server.serve_forever()
