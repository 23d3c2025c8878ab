"""The settings of one process: the only reader of the environment."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, Final

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orderfox_nb.errors import SettingError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_EXPECTED: Final = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "greater_than": "a number above {gt:.12g}",
    "greater_than_equal": "at least {ge:.12g}",
    "less_than_equal": "at most {le:.12g}",
}
"""What a value must be, by pydantic's type of error."""


class Settings(BaseSettings):
    """All settings; command-line options override the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, case_sensitive=True)

    source: str = Field("sim", alias="ORDERFOX_SOURCE")
    """Where data comes from: one source or several, separated by commas."""
    port: int = Field(8000, alias="BACKEND_PORT", ge=0, le=65535)
    """Port of ``orderfox serve``, 0 for any free one."""
    backend_url: str = Field("", alias="BACKEND_URL")
    """Server that ``connect()``, and widgets in a kernel without the server extension, read their data from."""
    server_url: str = Field("", alias="ORDERFOX_URL")
    """Base URL of the server that started this kernel, set by it."""
    server_token: SecretStr = Field(SecretStr(""), alias="ORDERFOX_TOKEN")
    """Token for writing to this server, random when empty, passed on to its kernels and never to another server."""
    source_token: SecretStr = Field(SecretStr(""), alias="ORDERFOX_SOURCE_TOKEN")
    """Token sent to a remote server used as the source."""
    binance_ws_base_url: str = Field("wss://fstream.binance.com", alias="BINANCE_WS_BASE_URL")
    """WebSockets of Binance's USD-M futures."""
    binance_api_base_url: str = Field("https://fapi.binance.com", alias="BINANCE_API_BASE_URL")
    """REST of Binance's USD-M futures."""
    binance_spot_ws_base_url: str = Field("wss://stream.binance.com:9443", alias="BINANCE_SPOT_WS_BASE_URL")
    """WebSockets of Binance's spot market."""
    binance_spot_api_base_url: str = Field("https://api.binance.com", alias="BINANCE_SPOT_API_BASE_URL")
    """REST of Binance's spot market."""
    bybit_ws_base_url: str = Field("wss://stream.bybit.com", alias="BYBIT_WS_BASE_URL")
    """WebSockets of Bybit."""
    bybit_api_base_url: str = Field("https://api.bybit.com", alias="BYBIT_API_BASE_URL")
    """REST of Bybit."""
    okx_ws_base_url: str = Field("wss://ws.okx.com:8443", alias="OKX_WS_BASE_URL")
    """WebSockets of OKX."""
    okx_api_base_url: str = Field("https://www.okx.com", alias="OKX_API_BASE_URL")
    """REST of OKX."""
    deribit_ws_base_url: str = Field("wss://www.deribit.com", alias="DERIBIT_WS_BASE_URL")
    """WebSockets of Deribit."""
    deribit_api_base_url: str = Field("https://www.deribit.com", alias="DERIBIT_API_BASE_URL")
    """REST of Deribit."""
    binance_api_key: SecretStr = Field(SecretStr(""), alias="BINANCE_API_KEY")
    """Key of the account for real orders of bots; market data needs none."""
    binance_secret_key: SecretStr = Field(SecretStr(""), alias="BINANCE_SECRET_KEY")
    """Secret of that key."""
    live_trading: bool = Field(False, alias="ORDERFOX_LIVE_TRADING")
    """Whether bots may send real orders; ``desk/brokers/lock.py`` asks for more than this."""
    live_notional: float = Field(1_000, alias="ORDERFOX_LIVE_NOTIONAL", gt=0)
    """Largest position of a live bot with its open orders, quote currency."""
    live_loss: float = Field(100, alias="ORDERFOX_LIVE_LOSS", gt=0)
    """A live bot that has lost this much is stopped, quote currency."""
    live_orders_a_minute: int = Field(60, alias="ORDERFOX_LIVE_ORDERS_A_MINUTE", ge=1, le=1_000)
    """Orders that one live bot may send in a minute."""
    liquidation_api_base_url: str = Field("", alias="LIQUIDATION_API_BASE_URL")
    """A server with a history of liquidations; the embedded exchange has its own."""
    database_url: SecretStr = Field(SecretStr(""), alias="DATABASE_URL")
    """Where bots are stored, SQLite in the data directory when empty. May hold a password."""
    max_bots: int = Field(1000, alias="ORDERFOX_MAX_BOTS", ge=1, le=100_000)
    """Bots that can be stored."""
    max_orderbook_limit: int = Field(50, alias="MAX_ORDERBOOK_LIMIT", ge=1, le=1000)
    """Largest number of rows a side that REST and public WebSockets send of an order book."""
    max_sockets: int = Field(2000, alias="ORDERFOX_MAX_SOCKETS", ge=1, le=1_000_000)
    """WebSockets of all clients together."""
    max_client_sockets: int = Field(200, alias="ORDERFOX_MAX_CLIENT_SOCKETS", ge=1, le=1_000_000)
    """WebSockets of one address; this machine is not limited."""
    max_client_topics: int = Field(30, alias="ORDERFOX_MAX_CLIENT_TOPICS", ge=1, le=1_000_000)
    """New topics of each channel a minute for one address; this machine is not limited."""
    max_client_events: int = Field(256, alias="ORDERFOX_MAX_CLIENT_EVENTS", ge=1, le=1_000_000)
    """Event streams open at once for one address; this machine is not limited."""
    max_playheads: int = Field(16, alias="ORDERFOX_MAX_PLAYHEADS", ge=1, le=1_000)
    """Pages in the past at the same time."""
    max_client_playheads: int = Field(4, alias="ORDERFOX_MAX_CLIENT_PLAYHEADS", ge=1, le=1_000)
    """Pages in the past of one address; this machine is not limited."""
    max_client_requests: int = Field(100, alias="ORDERFOX_MAX_CLIENT_REQUESTS", ge=1, le=1_000_000)
    """REST requests a second from one address; this machine is not limited."""
    max_client_messages: int = Field(250, alias="ORDERFOX_MAX_CLIENT_MESSAGES", ge=1, le=1_000_000)
    """Messages a second from all sockets of one address; this machine is not limited."""
    max_client_weight: int = Field(300, alias="ORDERFOX_MAX_CLIENT_WEIGHT", ge=20, le=1_000_000)
    """Request weight a minute that one address may cause at the venue; this machine is not limited."""
    extensions: str = Field("", alias="ORDERFOX_EXTENSIONS")
    """Lab extensions that pages of ``orderfox serve`` load in addition to the dashboard's own, separated by commas."""
    max_keys: int = Field(2000, alias="ORDERFOX_MAX_KEYS", ge=1, le=1_000_000)
    """Distinct frames that are computed at the same time."""
    max_client_keys: int = Field(128, alias="ORDERFOX_MAX_CLIENT_KEYS", ge=1, le=1_000_000)
    """Distinct frames charged to one address; a frame with several readers is charged to the first."""
    max_connections: int = Field(4096, alias="ORDERFOX_MAX_CONNECTIONS", ge=16, le=1_000_000)
    """Connections of ``orderfox serve``, including WebSockets."""
    max_client_connections: int = Field(512, alias="ORDERFOX_MAX_CLIENT_CONNECTIONS", ge=1, le=1_000_000)
    """Connections of one address; this machine and trusted proxies are not limited."""
    trusted_proxies: str = Field("", alias="ORDERFOX_TRUSTED_PROXIES")
    """Addresses and networks of trusted proxies, separated by commas."""
    hosts: str = Field("", alias="ORDERFOX_HOSTS")
    """Host names that ``orderfox serve`` accepts, separated by commas, ``*`` for any."""
    max_kernels: int = Field(40, alias="ORDERFOX_MAX_KERNELS", ge=1, le=1_000)
    """Kernels at once, including the preheated ones (``--kernel-per-viewer``)."""
    max_client_kernels: int = Field(10, alias="ORDERFOX_MAX_CLIENT_KERNELS", ge=1, le=1_000)
    """Kernels for the pages of one address; this machine is not limited."""
    kernel_memory_mb: int = Field(1024, alias="ORDERFOX_KERNEL_MEMORY_MB", ge=0, le=1_000_000)
    """Memory limit of a viewer's kernel in MB (``--kernel-per-viewer``, Linux), 0 for no limit."""
    recording: str = Field("4", alias="ORDERFOX_RECORDING")
    """Largest size of automatic recordings in gigabytes, ``off`` to record nothing."""
    recording_hours: float = Field(24, alias="ORDERFOX_RECORDING_HOURS", gt=0, le=100_000)
    """Hours after which recordings are deleted."""
    history: str = Field("1", alias="ORDERFOX_HISTORY")
    """Largest size of the fetched past on disk in gigabytes, ``off`` to keep none."""
    debug: bool = Field(False, alias="DEBUG")
    """Log every request, and debugging messages."""
    cors_origins: str = Field("", alias="CORS_ORIGINS")
    """Origins that may read from a browser, separated by commas, or a JSON list."""
    data_dir: Path = Field(default_factory=lambda: user_data_path("orderfox_nb"), alias="ORDERFOX_DATA_DIR")
    """Where the last known symbol list, the recordings and the database are kept."""

    def addresses_of(self, venue: str) -> tuple[str, str]:
        """Return the roots of the REST and of the stream host of a venue that is read natively."""
        name = venue.replace("-", "_")
        return getattr(self, f"{name}_api_base_url"), getattr(self, f"{name}_ws_base_url")

    @field_validator("*")
    @classmethod
    def _url_has_scheme(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name or ""
        if not name.endswith("_base_url") and name not in ("backend_url", "server_url"):
            return value
        if value and not re.match(r"(https?|wss?)://[^/\s]+", value):
            raise ValueError("expected a URL such as https://host")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _database_url_parses(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value().strip()
        if text and not re.match(r"sqlite(\+aiosqlite)?:///.|postgres(ql)?(\+asyncpg)?://[^/]", text):
            raise ValueError("expected sqlite:///path/to/file, or postgresql://user:password@host/database")
        return SecretStr(text)

    @field_validator("recording", "history")
    @classmethod
    def _gigabytes_parse(cls, value: str) -> str:
        text = value.strip().lower()
        if text != "off" and not (re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) and float(text) > 0):
            raise ValueError("expected off, or gigabytes such as 4")
        return text

    @field_validator("cors_origins")
    @classmethod
    def _origins_parse(cls, value: str) -> str:
        for origin in _split_origins(value):
            if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
                raise ValueError("expected origins such as https://host, separated by commas")
        return value

    @field_validator("extensions")
    @classmethod
    def _extensions_parse(cls, value: str) -> str:
        for name in _split(value):
            if not re.fullmatch(r"(@[\w.-]+/)?[A-Za-z0-9][\w.-]*", name):
                raise ValueError("expected names of lab extensions such as @scope/name, separated by commas")
        return value

    @field_validator("hosts")
    @classmethod
    def _hosts_parse(cls, value: str) -> str:
        for name in _split(value):
            if name != "*" and not re.fullmatch(r"[\w.-]{1,253}", name):
                raise ValueError("expected names such as desk.example, without scheme and port, separated by commas")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_parse(cls, value: str) -> str:
        try:
            parse_networks(value)
        except ValueError:
            raise ValueError("expected addresses or networks such as 10.0.0.0/8, separated by commas") from None
        return value

    @property
    def sqlite_path(self) -> Path:
        """Where bots are stored without ``DATABASE_URL``."""
        return self.data_dir / "orderfox.sqlite"

    @property
    def recording_bytes(self) -> int:
        """Largest size of the recordings in bytes, 0 for none."""
        return 0 if self.recording == "off" else round(float(self.recording) * 1e9)

    @property
    def history_bytes(self) -> int:
        """Largest size of the fetched past in bytes, 0 for none."""
        return 0 if self.history == "off" else round(float(self.history) * 1e9)

    @property
    def host_names(self) -> tuple[str, ...]:
        """Names by which the server may be addressed."""
        return _split(self.hosts)

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """Networks of the trusted proxies."""
        return parse_networks(self.trusted_proxies)

    @property
    def extension_names(self) -> tuple[str, ...]:
        """Lab extensions that a page may load beside the dashboard's own."""
        return _split(self.extensions)

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins that may read across sites."""
        return _split_origins(self.cors_origins)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read addresses and networks, separated by commas.

    Raises:
        ValueError: One of them is neither.
    """
    return tuple(ipaddress.ip_network(part) for part in _split(text))


def _split(text: str) -> tuple[str, ...]:
    return tuple(part for raw in text.split(",") if (part := raw.strip()))


def _split_origins(text: str) -> tuple[str, ...]:
    return tuple(part for raw in text.strip("[] ").split(",") if (part := raw.strip(" \"'").rstrip("/")))


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment, options given here above them (``None`` means not given).

    Raises:
        SettingError: A value that cannot be used; names the variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        field = Settings.model_fields.get(name)
        variable = field.alias if field is not None and field.alias else name
        message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ").removeprefix("expected ")
        if (expected := _EXPECTED.get(first["type"])) is not None:
            message = expected.format(**first.get("ctx", {}))
        shown = "<hidden>" if any(word in variable for word in ("KEY", "TOKEN", "DATABASE")) else first.get("input")
        raise SettingError(variable, shown, message) from None
