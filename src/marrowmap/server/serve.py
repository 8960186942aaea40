"""Serve a study's reading page until stopped."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress

import uvicorn

from marrowmap.errors import UsageError
from marrowmap.server.app import LOOPBACK
from marrowmap.server.app import make_app
from marrowmap.workflow.study import Study


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach an address."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens; a port of 0 takes a free one.

    Raises
    ------
    UsageError
        If the address or port cannot be used.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot serve at {host} port {port} ({reason}): choose another --port") from error
    return listener


def links(study: Study, host: str, port: int) -> dict[str, str]:
    """Return each reader's link. The token stands after #, which browsers never send: it is in no log."""
    people = [reader.id for reader in study.protocol.readers if reader.role != "software"]
    return {reader: f"http://{host}:{port}/#{study.store.token(reader)}" for reader in people}


def serve(study: Study, listener: socket.socket, hosts: tuple[str, ...] = ()) -> None:
    """Serve until interrupted; a stop by hand raises KeyboardInterrupt once every open request has its answer."""
    host = str(listener.getsockname()[0])
    app = make_app(study, (*LOOPBACK, host, *hosts))
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, date_header=False)
    uvicorn.Server(config).run(sockets=[listener])
