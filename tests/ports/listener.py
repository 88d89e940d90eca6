"""Holds a port in the way of its arguments, and prints the port once it does.

    listener.py PORT ADDRESS[,ADDRESS] [WAY...]

Ways: stubborn (ignores SIGTERM), fork (a child shares the socket), orphan (so does a process
that left its family), bind (does not listen),
respawn (a child holds the port, and another one whenever it is to end), serve (closes the first
connection itself, then the listener), run COMMAND... (runs a command, whose output follows).
"""

import os
import signal
import socket
import subprocess
import sys

port, addresses, ways = int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3:]


def hold(port):
    held = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        if "bind" not in ways:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if "respawn" in ways:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((address, port))
        if "bind" not in ways:
            listener.listen()
        port = listener.getsockname()[1]
        held.append(listener)
    return port, held


def supervise(port):
    """Starts a successor on the same port before a child exits on SIGTERM."""
    started, tell_started = os.pipe()
    leaving, tell_leaving = os.pipe()
    may_go, tell_may_go = os.pipe()
    first = True
    while True:
        if os.fork() == 0:
            port, held = hold(port)

            def leave(*_):
                os.write(tell_leaving, b"x")
                os.read(may_go, 1)
                os._exit(0)

            signal.signal(signal.SIGTERM, leave)
            os.write(tell_started, port.to_bytes(2, "big"))
            while True:
                signal.pause()
        port = int.from_bytes(os.read(started, 2), "big")
        if first:
            print(port, flush=True)
        else:
            os.write(tell_may_go, b"x")
            os.wait()
        first = False
        os.read(leaving, 1)


if "respawn" in ways:
    supervise(port)

port, held = hold(port)
if "stubborn" in ways:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "fork" in ways and os.fork() == 0:
    signal.pause()
if "orphan" in ways:
    born, tell = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            os.write(tell, b"x")
            signal.pause()
        os._exit(0)
    os.wait()
    os.read(born, 1)
print(port, flush=True)
if "serve" in ways:
    connection, _ = held[0].accept()
    connection.close()
    held[0].close()
    sys.exit()
if "run" in ways:
    subprocess.run(ways[ways.index("run") + 1 :] + [str(port)])
signal.pause()
