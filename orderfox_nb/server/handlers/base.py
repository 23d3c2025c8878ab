# Tornado's futures have no result type, and Jupyter's mixins narrow its methods.
# pyright: reportIncompatibleMethodOverride=false, reportUnknownMemberType=false
"""Access, errors and logging, the same for every route."""

from __future__ import annotations

import logging
import math
import re
import secrets
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import User
from jupyter_server.auth.utils import HTTP_METHOD_TO_AUTH_ACTION
from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from orderfox_nb.errors import (
    BodyMismatch,
    ClientLimited,
    DatabaseUnavailable,
    FeedError,
    InputError,
    MissingExtra,
    OrderFoxError,
    RateLimited,
    RunUnavailable,
    SettingError,
    UnknownBot,
    UnknownSymbol,
)
from orderfox_nb.feeds.charges import charging
from orderfox_nb.server.admission import holds_token
from orderfox_nb.server.limits import MAX_REQUESTS
from orderfox_nb.server.operations import Operation
from orderfox_nb.server.request_log import logged_path
from orderfox_nb.server.request_share import Measured

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from orderfox_nb.desk.desk import Desk
    from orderfox_nb.desk.parameters import Parameter
    from orderfox_nb.server.limits import RateLimit
    from orderfox_nb.server.service import DeskService

_log = logging.getLogger("orderfox_nb.server.requests")

AUTH_RESOURCE: Final = "orderfox"
MAX_BODY: Final = 16_384
"""Bodies are small. What is sent is held until it has ended, for every connection of a client at once."""
_POLICY: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Content policy of an answer that is data, and may quote the request."""
READS: Final = ("GET", "HEAD")
"""Methods that change nothing."""
METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "DELETE")
_CORRELATION: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_EXPOSED: Final = "X-Request-ID, X-Limit, X-Quality, X-Origin, Link, Retry-After"
_DETAILS: Final = {
    400: "The request could not be read",
    401: "Send the server's token as Authorization: token <token>",
    403: "Not allowed: log in, or send the server's token as Authorization: token <token>",
    404: "No such route",
    413: f"The body may have at most {MAX_BODY} bytes",
}


class RequestRefused(web.HTTPError):
    """An answer that is an error, with the sentence that the client reads."""

    def __init__(self, status: int, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(status)
        self.detail = detail
        self.retry_after_s = retry_after_s


def refusal(error: OrderFoxError) -> RequestRefused:
    """Choose the status of an ``OrderFoxError``."""
    match error:
        case ClientLimited():
            return RequestRefused(429, str(error), retry_after_s=error.retry_after_s)
        case RateLimited():
            return RequestRefused(503, str(error), retry_after_s=error.retry_after_s)
        case FeedError() | SettingError() | DatabaseUnavailable() | MissingExtra():
            return RequestRefused(503, str(error))
        case InputError():
            status = (
                404
                if isinstance(error, UnknownSymbol | UnknownBot)
                else 422
                if isinstance(error, BodyMismatch)
                else 409
                if isinstance(error, RunUnavailable)
                else 400
            )
            return RequestRefused(status, str(error))
        case _:
            return RequestRefused(503, "The desk cannot answer now")


class MarketHandler(JupyterHandler):
    """Base of all our handlers.

    As an extension a request needs Jupyter's identity and authorization. Standalone there is no identity: reading is
    public and writing needs our token. The token passed to kernels grants everything.
    """

    auth_resource = AUTH_RESOURCE
    route = "other"
    """Name in logs and metrics."""

    service: DeskService
    correlation = "-"

    def initialize(self, service: DeskService) -> None:  # type: ignore[override]
        self.service = service

    @property
    def content_security_policy(self) -> str:
        """What a browser may do with the answer where somebody opens it as a page."""
        return _POLICY

    def set_default_headers(self) -> None:
        super().set_default_headers()
        # Refusals carry the header too: a page must not mistake one for a server without our extension.
        self.set_header("X-OrderFox", "1")

    async def prepare(self) -> None:  # type: ignore[override]
        given = self.request.headers.get("X-Request-ID", "")
        self.correlation = given if _CORRELATION.fullmatch(given) else secrets.token_hex(8)
        self.set_header("X-Request-ID", self.correlation)
        method = self.request.method or ""
        if method != "OPTIONS" and method not in self.allowed():
            raise RequestRefused(405, f"{method} is not allowed here: use {', '.join(self.allowed())}")
        if len(self.request.body) > MAX_BODY:
            raise RequestRefused(413, _DETAILS[413])
        self.set_cors_headers()
        if method == "OPTIONS":
            return
        await self._admit(method)
        client = self.request.remote_ip or ""
        if method not in READS and (wait_s := self.write_rate.wait_s(client)):
            raise RequestRefused(429, "Too many writes: try again later", retry_after_s=wait_s)
        if method in READS and self._limited and (wait_s := self.service.reads.wait_s(client)):
            raise RequestRefused(429, f"At most {self.service.reads.per_s} requests a second", retry_after_s=wait_s)
        if self.service.problem is not None:
            raise refusal(self.service.problem)

    async def _admit(self, method: str) -> None:
        if self._has_our_token():
            # Neither a foreign page nor a form can send this header: origin and XSRF need no check.
            self._token_authenticated = True
            self._authenticate_as("server")
        elif method in READS and self.service.public:
            # A standalone server has checked the host already (``server/hosts.py``); this is Jupyter's own rule.
            if not self.service.standalone and not self.check_host():
                raise RequestRefused(403, "This server refuses this host name: see ServerApp.allow_remote_access")
            self._authenticate_as("viewer")
        elif self.service.standalone:
            raise RequestRefused(401, _DETAILS[401])
        else:
            try:
                await JupyterHandler.prepare(self, _redirect_to_login=False)  # type: ignore[misc]
            except web.HTTPError as error:
                if error.status_code == 404:
                    # Jupyter's status for a page of another site.
                    raise RequestRefused(403, "This origin may not write: send the server's token") from None
                raise
            user = self.current_user
            action = HTTP_METHOD_TO_AUTH_ACTION[method]
            if user is None or not await ensure_async(
                self.authorizer.is_authorized(self, user, action, self.auth_resource)
            ):
                raise RequestRefused(403, _DETAILS[403])

    async def check_may_write(self) -> None:
        """Check that this client may change something, for what costs the server more than readers may ask for.

        Raises:
            RequestRefused: It may only read.
        """
        if not await self.may_write():
            status = 401 if self.service.standalone else 403
            raise RequestRefused(status, _DETAILS[status])

    async def may_write(self) -> bool:
        """Return whether this client may change something, by its token or by its own login."""
        if self._has_our_token():
            return True
        if self.service.standalone:
            return False
        # A public extension lets everybody read as a viewer: what counts is who the client is itself.
        reader, self._jupyter_current_user = self.current_user, None
        try:
            user = await ensure_async(self.identity_provider.get_user(self))
        finally:
            self._jupyter_current_user = reader
        if user is None:
            return False
        return bool(await ensure_async(self.authorizer.is_authorized(self, user, "write", self.auth_resource)))

    @property
    def write_rate(self) -> RateLimit:
        """What limits the writes of a client here."""
        return self.service.writes

    @property
    def _limited(self) -> bool:
        """Whether this client has limits of its own: behind a login all may have one address, and are trusted."""
        return self.service.standalone and not self._has_our_token()

    def _has_our_token(self) -> bool:
        return holds_token(self.request.headers, self.service.token)

    def _authenticate_as(self, name: str) -> None:
        self.current_user = self._jupyter_current_user = User(name)

    @classmethod
    def allowed(cls) -> list[str]:
        """The methods that this route answers."""
        unimplemented = web.RequestHandler._unimplemented_method
        return [name for name in METHODS if getattr(cls, name.lower()) is not unimplemented]

    @allow_unauthenticated
    def options(self, *_args: str) -> None:
        """Answer a browser's preflight request."""
        self.set_header("Allow", ", ".join(self.allowed()))
        self.set_status(204)
        self.finish()

    def listed_origin(self) -> str | None:
        """Return the request's origin if it is one of CORS_ORIGINS."""
        origin = (self.request.headers.get("Origin") or "").rstrip("/")
        return origin if self.service.lists_origin(origin) else None

    def set_cors_headers(self) -> None:
        """Allow the origins of the settings and no other one."""
        self.set_header("Vary", "Origin")
        if (origin := self.listed_origin()) is not None:
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE, OPTIONS")
            self.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Request-ID")
            self.set_header(
                "Access-Control-Expose-Headers", "X-Request-ID, X-Limit, X-Quality, X-Origin, Link, Retry-After"
            )

    def check_origin(self, origin_to_satisfy_tornado: str | None = None) -> bool:
        return self.listed_origin() is not None or super().check_origin(origin_to_satisfy_tornado or "")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = (kwargs.get("exc_info") or (None, None, None))[1]
        if isinstance(error, RequestRefused):
            detail = error.detail
            if error.retry_after_s is not None:
                self.set_header("Retry-After", str(max(1, math.ceil(error.retry_after_s))))
        elif status_code >= 500:
            detail = f"Something failed inside the server; its log has more under {self.correlation}"
        else:
            detail = _DETAILS.get(status_code, "The request was refused")
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.allowed()))
        # An error replaces the headers of the answer that was in progress.
        self.set_header("X-Request-ID", self.correlation)
        self.set_cors_headers()
        self.write_json(msgspec.json.encode({"detail": detail, "status_code": status_code}))

    def write_json(self, text: bytes) -> None:
        """Finish the answer with JSON text."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(text)

    def log_exception(self, _typ: Any, value: BaseException | None, _tb: Any) -> None:
        # A refused request has its own log line; a failure needs its trace.
        if not isinstance(value, web.HTTPError):
            _log.error("id=%s failed", self.correlation, exc_info=value)

    def _log(self) -> None:
        status = self.get_status()
        seconds = self.request.request_time()
        # Unknown methods must not create time series.
        method = self.request.method if self.request.method in (*METHODS, "OPTIONS") else "other"
        self.service.metrics.requests.labels(self.route, method, status).inc()
        self.service.metrics.seconds.labels(self.route).observe(seconds)
        level = logging.ERROR if status >= 500 and status != 503 else logging.DEBUG if status < 400 else logging.INFO
        self.service.request_log.write(
            _log,
            level,
            "id=%s method=%s path=%s status=%d ms=%.1f remote=%s",
            *(self.correlation, method, logged_path(self.request.path)),
            *(status, seconds * 1000, self.request.remote_ip),
        )


class RestHandler(MarketHandler):
    """A route that answers with JSON: each ``OrderFoxError`` becomes an error answer."""

    method = "get"
    path: Sequence[Parameter] = ()
    query: Sequence[Parameter] = ()
    shared: Sequence[Parameter] = ()
    """Further query parameters, which routes of one kind share."""
    model: Any = None
    """Type of the answer."""
    content = "application/json"
    headers: ClassVar[Mapping[str, str]] = {}
    """What the answer carries beside its body, and what each means."""
    spend: Callable[[float], None]
    """Charges seconds of processor time to the client, for an answer that is computed in another thread."""

    @classmethod
    def operations(cls) -> Mapping[str, Operation]:
        """Return what each method of the route does, by its name in lower case."""
        only = Operation(
            name=cls.route,
            summary=(cls.__doc__ or "").split("\n", 1)[0],
            model=cls.model,
            content=cls.content,
            headers=cls.headers,
            query=cls.query,
        )
        return {cls.method: only}

    async def _answered(self, *args: str, by: Callable[..., Awaitable[bytes]] | None = None) -> None:
        service = self.service
        if service.requests >= MAX_REQUESTS:
            raise RequestRefused(503, "This server has too many requests under way: try again", retry_after_s=1)
        service.requests += 1
        client, trusted = self.request.remote_ip or "", not self._limited
        try:
            with (
                service.share.answering(client, trusted=trusted) as self.spend,
                charging(service.charge(client, trusted=trusted)),
            ):
                text = await Measured((by or self.answer)(*args), self.spend)
        except OrderFoxError as error:
            raise refusal(error) from error
        finally:
            service.requests -= 1
        if self.get_status() == 204:
            self.finish()
        else:
            self.write_answer(text)

    def write_answer(self, text: bytes) -> None:
        """Finish the answer."""
        self.write_json(text)

    async def desk(self) -> Desk:
        """Return the desk of the venue that is asked about, the first one where none is.

        Raises:
            BadValue: No such venue.
        """
        return await self.service.desk(self.get_query_argument("venue", None))

    async def answer(self, *args: str) -> bytes:
        """Return the JSON text of the answer.

        Raises:
            OrderFoxError: What was requested cannot be answered.
        """
        raise NotImplementedError


class ReadHandler(RestHandler):
    """A route that is read."""

    async def get(self, *args: str) -> None:
        await self._answered(*args)

    async def head(self, *args: str) -> None:
        await self._answered(*args)
