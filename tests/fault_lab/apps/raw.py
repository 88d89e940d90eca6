"""A server on plain sockets, for answers that frameworks prevent: each path is wrong in another way.

    raw.py PORT [ADDRESS]
"""

import socket
import struct
import sys
import threading


def ok(body: bytes, head: bytes = b"") -> bytes:
    length = str(len(body)).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + length + b"\r\n" + head + b"\r\n" + body


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

ANSWERS = {
    "/health": ok(b'{"status":"ok"}'),
    # Wrong:
    "/short-length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + b'{"items":["lamp","wick"]}',
    "/long-length": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b'{"items":["lamp"',
    "/cut-chunk": CHUNKED + b"40\r\n" + b'{"items":["lamp"',
    "/no-last-chunk": CHUNKED + b"10\r\n" + b'{"items":["lamp"' + b"\r\n",
    "/not-http": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "/empty": b"",
    "/half-head": b"HTTP/1.1 200 OK\r\nContent-Ty",
    # Unusual but correct:
    "/old": b"HTTP/1.0 200 OK\r\n\r\n" + b'{"items":[]}',
    "/chunked": CHUNKED + b'6;name="x"\r\n{"item\r\n6\r\ns":[]}\r\n0\r\nX-Trailer: yes\r\n\r\n',
    "/interim": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + ok(b'{"items":[]}'),
    "/nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
}


def serve(client: socket.socket) -> None:
    with client:
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        path = head.split(b" ", 2)[1].decode()
        print(head.split(b"\r\n")[0].decode(), flush=True)
        if path == "/hang":
            client.recv(65536)
        elif path == "/reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            client.sendall(ANSWERS.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))
            client.shutdown(socket.SHUT_WR)


def main() -> None:
    address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, int(sys.argv[1])), family=family) as server:
        print("listening", flush=True)
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()


main()
