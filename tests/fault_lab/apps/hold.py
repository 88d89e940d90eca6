"""Another program on a port: listens and greets, or only binds it.

    hold.py ADDRESS PORT [--bind-only]
"""

import socket
import sys

address, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
with socket.socket(family) as held:
    if "--bind-only" in sys.argv:
        held.bind((address, port))
        print("bound", flush=True)
        sys.stdin.read()
    if family == socket.AF_INET6:
        held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((address, port))
    held.listen()
    print("listening", flush=True)
    while True:
        client, _ = held.accept()
        with client:
            client.recv(65536)
            client.sendall(b"HTTP/1.1 200 OK\r\nServer: hold\r\nContent-Length: 6\r\n\r\nsorry\n")
