"""The proxies of docs/deploy.md, with the configurations that stand there, run with TLS on ports of their own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from tests.conftest import missing

DEPLOY = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")
NAME = "desk.example"


def snippet(heading: str) -> str:
    """Return the first block of code under a heading of the document."""
    found = re.search(rf"^## {heading}\n.*?^```\w*\n(.*?)^```", DEPLOY, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def replaced(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def nginx(folder: Path, upstream: str, port: int, prefix: str) -> list[str]:
    files = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    site = replaced(
        snippet("nginx"),
        ("listen 443 ssl;", f"listen 0.0.0.0:{port} ssl;"),
        ("location / {", f"location {prefix} {{"),
        ("http://127.0.0.1:8000", f"http://{upstream}"),
        ("# ssl_certificate …", f"ssl_certificate {folder / 'site.pem'}; ssl_certificate_key {folder / 'site.key'};"),
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder / 'pid'}; error_log stderr;\nevents {{}}\nhttp {{ access_log off;\n{files}{site}}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(config)]


def caddy(folder: Path, upstream: str, port: int, _prefix: str) -> list[str]:
    site = replaced(
        snippet("Caddy"),
        (f"{NAME} {{", f"{NAME}:{port} {{\n    tls {folder / 'site.pem'} {folder / 'site.key'}"),
        ("127.0.0.1:8000", upstream),
    )
    config = folder / "Caddyfile"
    config.write_text(f"{{\n    admin off\n    auto_https off\n}}\n{site}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]


def traefik(folder: Path, upstream: str, port: int, prefix: str) -> list[str]:
    rule = f"Host(`{NAME}`)"
    under = f"{rule} && PathPrefix(`{prefix.rstrip('/')}`)" if prefix != "/" else rule
    site = replaced(snippet("Traefik"), ("10.0.0.5:8000", upstream), (rule, under))
    files = f"{{ certFile: {folder / 'site.pem'}, keyFile: {folder / 'site.key'} }}"
    (folder / "site.yaml").write_text(f"{site}tls:\n  certificates: [{files}]\n")
    config = folder / "traefik.yaml"
    config.write_text(
        f"""
global: {{ checkNewVersion: false, sendAnonymousUsage: false }}
entryPoints: {{ websecure: {{ address: ":{port}" }} }}
providers: {{ file: {{ filename: {folder / "site.yaml"}, watch: false }} }}
"""
    )
    return ["traefik", f"--configFile={config}"]


def wait_for_answer(port: int, trusted: ssl.SSLContext, prefix: str, *, timeout_s: float = 60) -> None:
    """Wait until the proxy forwards: Traefik listens before it has read where to."""
    deadline = time.monotonic() + timeout_s
    request = f"GET {prefix}api/v1/health HTTP/1.1\r\nHost: {NAME}:{port}\r\nConnection: close\r\n\r\n".encode()
    while True:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as plain,
                trusted.wrap_socket(plain, server_hostname=NAME) as secured,
            ):
                secured.sendall(request)
                status = secured.recv(12)
            if status.startswith(b"HTTP/1.1 ") and status[9:10] == b"2":
                return
        except OSError:
            status = b""
        assert time.monotonic() < deadline, f"the proxy does not forward: {status!r}"
        time.sleep(0.05)


ProxyConfig = Callable[[Path, str, int, str], list[str]]


@contextmanager
def running_proxy(
    config: ProxyConfig, upstream: str, folder: Path, *, prefix: str = "/"
) -> Iterator[tuple[int, ssl.SSLContext]]:
    """Run a proxy with TLS before a server; gives its port, and what a client has to trust.

    Args:
        config: ``nginx``, ``caddy`` or ``traefik``: writes the proxy's files and returns its command.
        upstream: Host and port of the server.
        folder: Where certificates, configuration and log are written.
        prefix: Of the paths that it forwards.
    """
    name = config.__name__
    if shutil.which(name) is None:
        missing(name, f"{name} is not installed")
    authority = trustme.CA()
    certificate = authority.issue_cert(NAME)
    certificate.cert_chain_pems[0].write_to_path(str(folder / "site.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "site.key"))
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            config(folder, upstream, port, prefix),
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"] + ":/usr/sbin", "HOME": str(folder)},
        )
    try:
        wait_for_answer(port, trusted, prefix)
        yield port, trusted
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
