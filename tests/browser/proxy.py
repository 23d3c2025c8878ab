"""A small reverse proxy on a port of its own, set up as people do it, rightly or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError, web

HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length", "content-encoding", "host"}


@asynccontextmanager
async def proxy(target: str, *, port: int = 0, keep_host: bool = False, strip: str = "") -> AsyncIterator[str]:
    """Pass requests and WebSockets on to ``target`` (scheme, host and port); gives the proxy's own address.

    Args:
        target: Where the server is.
        port: Where to listen.
        keep_host: Forward the browser's Host header, as a proxy should.
        strip: A prefix that is taken from every path; other paths are not found.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        path = request.raw_path
        if strip:
            if not path.startswith(strip):
                raise web.HTTPNotFound
            path = "/" + path.removeprefix(strip).lstrip("/")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        if keep_host:
            headers["Host"] = request.headers["Host"]
        if request.headers.get("Upgrade", "").lower() == "websocket":
            try:
                return await both_ways(request, session, target + path, headers)
            except WSServerHandshakeError as error:
                return web.Response(status=error.status)
        async with session.request(
            request.method, target + path, headers=headers, data=await request.read(), allow_redirects=False
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    async with ClientSession() as session:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def both_ways(
    request: web.Request, session: ClientSession, url: str, headers: dict[str, str]
) -> web.StreamResponse:
    protocols = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
    given = {name: value for name, value in headers.items() if not name.lower().startswith("sec-websocket")}
    async with session.ws_connect(url, headers=given, protocols=protocols, max_msg_size=0) as server:
        page = web.WebSocketResponse(protocols=[server.protocol] if server.protocol else [], max_msg_size=0)
        await page.prepare(request)

        async def pump(source: object, sink: object) -> None:
            async for message in source:  # type: ignore[attr-defined]
                if message.type is WSMsgType.TEXT:
                    await sink.send_str(message.data)  # type: ignore[attr-defined]
                elif message.type is WSMsgType.BINARY:
                    await sink.send_bytes(message.data)  # type: ignore[attr-defined]

        ways = [asyncio.ensure_future(pump(page, server)), asyncio.ensure_future(pump(server, page))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await page.close()
        return page
