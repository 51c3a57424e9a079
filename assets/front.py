"""Stands before the MLNode of a rental that is exposed directly: takes away the version that a
Network Node puts before every path (/v3.0.8/api/v1/state), which the MLNode does not know, and adds
the Content-Type that it leaves out, without which a newer MLNode refuses the body.

Arguments: LISTEN:TARGET, ports of this machine. Goes to the background once it listens; started
again, it leaves the ports to the one that has them.
"""
import os, re, socket, sys, threading

VERSION = re.compile(rb"^(\S+ )/v\d+(?:\.\d+)+(?=/)")
CONNECTION = re.compile(rb"\r\n(?:Connection|Keep-Alive):[^\r\n]*", re.I)
BODY = re.compile(rb"\r\n(?:Content-Length: *[1-9]|Transfer-Encoding:)", re.I)
TYPE = re.compile(rb"\r\nContent-Type:", re.I)
END = b"\r\n\r\n"


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def carry(client, port):
    # One request a connection: only the first line of a connection is looked at.
    head = b""
    client.settimeout(30)
    while END not in head:
        data = client.recv(65536)
        if not data or len(head) > 65536:
            return
        head += data
    client.settimeout(None)
    head, rest = head.split(END, 1)
    head = CONNECTION.sub(b"", VERSION.sub(rb"\1", head))
    if BODY.search(head) and not TYPE.search(head):
        head += b"\r\nContent-Type: application/json"
    head += b"\r\nConnection: close" + END
    with socket.create_connection(("127.0.0.1", port), 10) as server:
        server.settimeout(None)
        server.sendall(head + rest)
        back = threading.Thread(target=copy, args=(client, server), daemon=True)
        back.start()
        copy(server, client)
        back.join(30)


def serve(client, port):
    with client:
        try:
            carry(client, port)
        except OSError:
            pass


def accept(listener, port):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, port), daemon=True).start()


ends = []
for pair in sys.argv[1:]:
    listen, target = map(int, pair.split(":"))
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("0.0.0.0", listen))
    except OSError:
        sys.exit(0)
    listener.listen(128)
    ends.append((listener, target))
if os.fork():
    os._exit(0)
os.setsid()
nowhere = os.open(os.devnull, os.O_RDWR)
for end in range(3):
    os.dup2(nowhere, end)
for listener, target in ends[1:]:
    threading.Thread(target=accept, args=(listener, target)).start()
accept(*ends[0])
