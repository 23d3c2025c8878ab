"""The errors of markets, recordings, bots and settings.

OrderFoxError
├── SettingError              a setting that cannot be used: names the variable
├── InputError                what a caller asked for cannot be answered
│   ├── BadValue              a value outside its range (HTTP 400)
│   ├── UnknownSymbol         no such symbol; carries suggestions (HTTP 404)
│   ├── UnknownBot            no such bot (HTTP 404)
│   ├── BodyMismatch          a body that does not fit its schema (HTTP 422)
│   ├── TooManyBots           as many bots as may be stored (HTTP 400)
│   ├── BotIsActive           a change that an active bot does not allow (HTTP 400)
│   ├── RunUnavailable        what a bot did that cannot be reported or replayed (HTTP 409)
│   ├── OrderRejected         an order that the venue refuses (HTTP 400)
│   ├── LiveTradingRefused    an order or a bot that is not on paper (HTTP 400)
│   ├── BrokerRefused         a venue that does not let a bot trade (HTTP 400)
│   └── ClientLimited         a client that asks for too much of the venue's past; carries the wait (HTTP 429)
├── EventError                an event that its fold cannot take
│   └── OffStep               a price or size that is not a multiple of the known tick or lot
├── RecordingError            a recording that cannot be read: names the file
├── DatabaseUnavailable       the database of bots does not answer (HTTP 503)
├── MissingExtra              a library that is not installed: names the extra
├── ForkedProcess             a market that belongs to the process this one was forked from
├── TooManyFrames             a client, or all of them, that reads too many different frames (close code 1013)
├── TooManyPlayheads          a client, or all of them, that has as many pages in the past as it may
├── TooManyKernels            a client whose pages have as many kernels as they may (HTTP 429)
├── SlowReader                a reader of events that did not keep up (close code 4008)
└── FeedError                 a feed that cannot continue
    ├── VenueUnreachable      no connection, or only server errors (HTTP 503)
    ├── VenueRefused          the venue answered with an error of its own
    │   ├── VenueBlocked      HTTP 451 or 403: not served in this country, or to this address
    │   ├── SymbolRefused     the symbol is closed, or not listed at the moment
    │   └── RateLimited       HTTP 429 or 418: carries the seconds to wait
    ├── NoPast                a past that the source does not keep, or does not know
    └── MalformedFrame        a frame that is not of the venue's protocol

Errors carry data and compute their text, so that a handler can choose the
status code and a reader can act on the sentence.
"""

from orderfox_nb.errors.feeds import (
    FeedError,
    MalformedFrame,
    NoPast,
    RateLimited,
    SymbolRefused,
    VenueBlocked,
    VenueRefused,
    VenueUnreachable,
    blocked_text,
)
from orderfox_nb.errors.inputs import (
    BadValue,
    BodyMismatch,
    BotIsActive,
    BrokerRefused,
    ClientLimited,
    InputError,
    LiveTradingRefused,
    OrderRejected,
    RunUnavailable,
    TooManyBots,
    UnknownBot,
    UnknownSymbol,
)
from orderfox_nb.errors.local import (
    DatabaseUnavailable,
    EventError,
    ForkedProcess,
    MissingExtra,
    OffStep,
    RecordingError,
    SettingError,
    SlowReader,
    TooManyFrames,
    TooManyKernels,
    TooManyPlayheads,
)
from orderfox_nb.errors.root import (
    OrderFoxError,
)

__all__ = [
    "BadValue",
    "BodyMismatch",
    "BotIsActive",
    "BrokerRefused",
    "ClientLimited",
    "DatabaseUnavailable",
    "EventError",
    "FeedError",
    "ForkedProcess",
    "InputError",
    "LiveTradingRefused",
    "MalformedFrame",
    "MissingExtra",
    "NoPast",
    "OffStep",
    "OrderFoxError",
    "OrderRejected",
    "RateLimited",
    "RecordingError",
    "RunUnavailable",
    "SettingError",
    "SlowReader",
    "SymbolRefused",
    "TooManyBots",
    "TooManyFrames",
    "TooManyKernels",
    "TooManyPlayheads",
    "UnknownBot",
    "UnknownSymbol",
    "VenueBlocked",
    "VenueRefused",
    "VenueUnreachable",
    "blocked_text",
]
