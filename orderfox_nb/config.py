"""The settings of one process: the only reader of the environment."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orderfox_nb.errors import SettingError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
SOURCE_KINDS: Final = ("sim", "binance", "tape", "http", "https")
_SOURCE_HELP: Final = "one of sim, binance, tape:<file> or http://<server>, with ?options"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where market data comes from: ``sim?seed=7&symbols=24``, ``binance``, ``tape:<file>?speed=20``."""

    text: str
    kind: str
    target: str = ""
    """Exchange id, path or URL, by kind."""
    options: dict[str, str] = {}

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read the text of a source.

        Raises:
            SettingError: Not a source; names ORDERFOX_SOURCE.
        """
        text = text.strip()
        if text.startswith(("http://", "https://")):
            return cls(text=text, kind=text.split(":", 1)[0], target=text)
        head, _, query = text.partition("?")
        kind, _, target = head.partition(":")
        if kind not in SOURCE_KINDS or (kind in ("sim", "binance")) == bool(target):
            raise SettingError("ORDERFOX_SOURCE", text, _SOURCE_HELP)
        try:
            pairs = parse_qsl(query, strict_parsing=True, keep_blank_values=True) if query else []
            options = dict(pairs)
            if len(options) < len(pairs):
                raise ValueError(query)
        except ValueError:
            raise SettingError(
                "ORDERFOX_SOURCE", text, "options as name=value&name=value after the ?, each once"
            ) from None
        return cls(text=text, kind=kind, target=target, options=options)

    def check(self, *names: str) -> None:
        """Refuse options of other names: a misspelt one would be passed over.

        Raises:
            SettingError: There is one.
        """
        if unknown := self.options.keys() - set(names):
            known = f"no other options than {', '.join(names)}" if names else "no options"
            raise SettingError("ORDERFOX_SOURCE", self.text, f"{known} (there is no {min(unknown)})")

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """Return an option as a whole number.

        Raises:
            SettingError: Outside ``low`` to ``high``.
        """
        text = self.options.get(name)
        if text is None:
            return default
        if not re.fullmatch(r"-?\d{1,18}", text) or not low <= int(text) <= high:
            raise SettingError("ORDERFOX_SOURCE", self.text, f"{name} from {low} to {high}")
        return int(text)

    def speed(self, default: float = 1.0) -> float:
        """Return the option ``speed``: a factor of real time, infinity for ``max``.

        Raises:
            SettingError: Not ``max`` or a number above 0 up to 1000.
        """
        return float("inf") if self.options.get("speed") == "max" else self.factor("speed", default, also=", or max")

    def factor(self, name: str, default: float = 1.0, *, also: str = "") -> float:
        """Return an option as a factor; ``also`` says in an error what else it may be.

        Raises:
            SettingError: Not a number above 0 up to 1000.
        """
        text = self.options.get(name)
        if text is None:
            return default
        if re.fullmatch(r"\d{1,4}(\.\d{1,6})?", text) and 0 < float(text) <= 1000:
            return float(text)
        raise SettingError("ORDERFOX_SOURCE", self.text, f"{name} above 0 up to 1000{also}")


class Settings(BaseSettings):
    """Everything that can be set from outside; command-line options stand over the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, case_sensitive=True)

    source: str = Field("sim", alias="ORDERFOX_SOURCE")
    port: int = Field(8000, alias="BACKEND_PORT", ge=0, le=65535)
    backend_url: str = Field("", alias="BACKEND_URL")
    server_url: str = Field("", alias="ORDERFOX_URL")
    """Base URL of the server that started this kernel, set by it."""
    server_token: SecretStr = Field(SecretStr(""), alias="ORDERFOX_TOKEN")
    """Opens the server that this process is, or that started this kernel; sent to no other one."""
    source_token: SecretStr = Field(SecretStr(""), alias="ORDERFOX_SOURCE_TOKEN")
    """What any other server that is the source asks for."""
    binance_ws_base_url: str = Field("wss://fstream.binance.com", alias="BINANCE_WS_BASE_URL")
    binance_api_base_url: str = Field("https://fapi.binance.com", alias="BINANCE_API_BASE_URL")
    binance_api_key: SecretStr = Field(SecretStr(""), alias="BINANCE_API_KEY")
    binance_secret_key: SecretStr = Field(SecretStr(""), alias="BINANCE_SECRET_KEY")
    liquidation_api_base_url: str = Field("", alias="LIQUIDATION_API_BASE_URL")
    database_url: SecretStr = Field(SecretStr(""), alias="DATABASE_URL")
    """May hold a password."""
    max_orderbook_limit: int = Field(50, alias="MAX_ORDERBOOK_LIMIT", ge=1, le=1000)
    max_sockets: int = Field(2000, alias="ORDERFOX_MAX_SOCKETS", ge=1, le=1_000_000)
    max_client_sockets: int = Field(200, alias="ORDERFOX_MAX_CLIENT_SOCKETS", ge=1, le=1_000_000)
    max_client_books: int = Field(30, alias="ORDERFOX_MAX_CLIENT_BOOKS", ge=1, le=1_000_000)
    """Books that nobody has open, a minute, over the sockets of one address; this machine itself is not limited."""
    max_client_messages: int = Field(250, alias="ORDERFOX_MAX_CLIENT_MESSAGES", ge=1, le=1_000_000)
    """A second, from one address over all of its sockets; this machine itself is not limited."""
    max_client_weight: int = Field(300, alias="ORDERFOX_MAX_CLIENT_WEIGHT", ge=20, le=1_000_000)
    """From one address; this machine itself is not limited, because a reverse proxy would be one client."""
    extensions: str = Field("", alias="ORDERFOX_EXTENSIONS")
    """Lab extensions that the pages of ``orderfox serve`` may load beside the dashboard's own, separated by commas."""
    max_keys: int = Field(2000, alias="ORDERFOX_MAX_KEYS", ge=1, le=1_000_000)
    """Different frames that are computed at a time."""
    max_client_keys: int = Field(128, alias="ORDERFOX_MAX_CLIENT_KEYS", ge=1, le=1_000_000)
    """Of them on the account of one address; what others look at too is not counted twice."""
    max_connections: int = Field(4096, alias="ORDERFOX_MAX_CONNECTIONS", ge=16, le=1_000_000)
    """Of ``orderfox serve``, WebSockets among them."""
    max_client_connections: int = Field(512, alias="ORDERFOX_MAX_CLIENT_CONNECTIONS", ge=1, le=1_000_000)
    """From one address; this machine itself and trusted proxies are not limited."""
    trusted_proxies: str = Field("", alias="ORDERFOX_TRUSTED_PROXIES")
    """Addresses and networks of the proxies that say whom they speak for, separated by commas."""
    hosts: str = Field("", alias="ORDERFOX_HOSTS")
    """Names by which ``orderfox serve`` may be addressed, separated by commas, ``*`` for any."""
    max_kernels: int = Field(40, alias="ORDERFOX_MAX_KERNELS", ge=1, le=1_000)
    """Kernels at a time, those kept ready among them (``--kernel-per-viewer``)."""
    max_client_kernels: int = Field(10, alias="ORDERFOX_MAX_CLIENT_KERNELS", ge=1, le=1_000)
    """Of them for the pages of one address; this machine itself is not limited."""
    kernel_memory_mb: int = Field(1024, alias="ORDERFOX_KERNEL_MEMORY_MB", ge=0, le=1_000_000)
    """Memory of a viewer's kernel (``--kernel-per-viewer``, Linux), 0 for no bound."""
    debug: bool = Field(False, alias="DEBUG")
    cors_origins: str = Field("", alias="CORS_ORIGINS")
    """Origins that may read from a browser, separated by commas, or a JSON list."""
    data_dir: Path = Field(default_factory=lambda: user_data_path("orderfox_nb"), alias="ORDERFOX_DATA_DIR")
    """Where the last known symbol list (and later the database) is kept."""

    @field_validator("source")
    @classmethod
    def _source_parses(cls, value: str) -> str:
        try:
            Source.parse(value)
        except SettingError as error:
            raise ValueError(f"expected {error.expected}") from None
        return value

    @field_validator(
        "binance_ws_base_url", "binance_api_base_url", "liquidation_api_base_url", "backend_url", "server_url"
    )
    @classmethod
    def _url_has_scheme(cls, value: str) -> str:
        if value and not re.match(r"(https?|wss?)://[^/\s]+", value):
            raise ValueError("expected a URL such as https://host")
        return value.rstrip("/")

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
    def host_names(self) -> tuple[str, ...]:
        """Names by which the server may be addressed."""
        return _split(self.hosts)

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """Where the proxies are that say whom they speak for."""
        return parse_networks(self.trusted_proxies)

    @property
    def extension_names(self) -> tuple[str, ...]:
        """Lab extensions that a page may load beside the dashboard's own."""
        return _split(self.extensions)

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins that may read across sites."""
        return _split_origins(self.cors_origins)

    def parsed_source(self) -> Source:
        """Return the source as kind, target and options."""
        return Source.parse(self.source)


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
        shown = "<hidden>" if any(word in variable for word in ("KEY", "TOKEN", "DATABASE")) else first.get("input")
        raise SettingError(variable, shown, message) from None
