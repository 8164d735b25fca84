"""TLS before a port of this machine, for as long as standard input stays open.

In: a folder, and the port. Out: the certificate of a CA made for this run, in the folder as ca.pem; the port that
answers as `localhost`, a line on standard output.
"""

import datetime
import os
import socket
import ssl
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(name, key, issuer, issuers_key, extension):
    now = datetime.datetime.now(datetime.timezone.utc)
    named = lambda text: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
    builder = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    return builder.add_extension(extension, critical=True).sign(issuers_key, hashes.SHA256())


def pem(*parts):
    kind = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    each = [p.private_bytes(kind, *plain) if hasattr(p, "private_bytes") else p.public_bytes(kind) for p in parts]
    return b"".join(each)


def pipe(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client):
    try:
        near = context.wrap_socket(client, server_side=True)
    except OSError:  # The client does not trust us: that is what is tested.
        return
    far = socket.create_connection(("127.0.0.1", port))
    threading.Thread(target=pipe, args=(near, far), daemon=True).start()
    pipe(far, near)


def end_with_the_test():
    sys.stdin.read()
    os._exit(0)


folder, port = sys.argv[1], int(sys.argv[2])
threading.Thread(target=end_with_the_test, daemon=True).start()
ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
ca = certificate("a CA", ca_key, "a CA", ca_key, x509.BasicConstraints(True, None))
own = certificate("localhost", key, "a CA", ca_key, x509.SubjectAlternativeName([x509.DNSName("localhost")]))
for name, content in (("ca.pem", pem(ca)), ("own.pem", pem(key, own))):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(folder, "own.pem"))
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
