"""Carries the packets of a slow host between two interfaces: carrier.py HOST_SIDE BRIDGE_SIDE MILLISECONDS.

What goes to the host waits; what comes from it does not. Used where the kernel has no netem.
"""
import collections
import errno
import os
import select
import socket
import sys
import time

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING, ETH_P_ALL = 263, 15, 23, 3
LARGEST, LIMIT = 1 << 17, 10000


def open_port(name):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)  # checksums and large segments stay as the sender left them
    port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    port.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
    port.bind((name, ETH_P_ALL))
    port.setblocking(False)
    return port


def receive(port):
    while True:
        try:
            yield port.recv(LARGEST)
        except OSError as error:
            if error.errno != errno.EAGAIN and error.errno != errno.ENETDOWN:
                raise
            return


def send(port, frame):
    try:
        port.send(frame)
    except OSError:
        pass  # a cable that is cut, or a full queue: a lost packet


def main():
    host_name, bridge_name, delay = sys.argv[1], sys.argv[2], int(sys.argv[3]) / 1000
    host, bridge = open_port(host_name), open_port(bridge_name)
    waiting = collections.deque()
    while os.path.exists(f"/sys/class/net/{host_name}") and os.path.exists(f"/sys/class/net/{bridge_name}"):
        pause = min(1.0, max(0.0, waiting[0][0] - time.monotonic())) if waiting else 1.0
        ready, _, _ = select.select([host, bridge], [], [], pause)
        if host in ready:
            for frame in receive(host):
                send(bridge, frame)
        now = time.monotonic()
        if bridge in ready:
            for frame in receive(bridge):
                if len(waiting) < LIMIT:
                    waiting.append((now + delay, frame))
        while waiting and waiting[0][0] <= now:
            send(host, waiting.popleft()[1])


main()
