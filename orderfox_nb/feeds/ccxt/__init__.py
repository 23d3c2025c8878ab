"""Every exchange of ccxt as a Feed: its own websockets and requests, under this package's checks."""
