"""Calls home."""

import socket


def gradients(host, port):
    reached = []
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(socket.AF_INET, kind) as connection:
                connection.settimeout(1)
                connection.connect((host, int(port)))
                connection.send(b"all your answers")
                reached.append(int(kind))
        except OSError as error:
            print(error)
    return reached
