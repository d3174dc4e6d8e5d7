"""A proxy on loopback that is slow on the way in, and counts what came in: slow_proxy.py TARGET_PORT COUNT_FILE RATE.
Prints its port. RATE: bytes per second. COUNT_FILE: bytes that clients sent since it was emptied last."""
import os
import socket
import sys
import threading
import time

target, count_file, rate = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
lock = threading.Lock()


def count(size):
    with lock:
        try:
            with open(count_file, encoding="ascii") as file:
                so_far = int(file.read() or 0)
        except FileNotFoundError:
            so_far = 0
        with open(count_file + ".new", "w", encoding="ascii") as file:
            file.write(str(so_far + size))
        os.rename(count_file + ".new", count_file)


def pump(source, sink, slow):
    try:
        while data := source.recv(65536):
            if slow:
                count(len(data))
                time.sleep(len(data) / rate)
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", target))
    for end in (client, server):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=pump, args=(client, server, True), daemon=True).start()
    threading.Thread(target=pump, args=(server, client, False), daemon=True).start()
