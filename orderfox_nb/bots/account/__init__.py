"""The money of a session: what fills, fees, funding and liquidation do to cash and to a position.

``account`` is what a session holds, ``ledger`` its cash, ``position`` what is open, ``margin`` and ``brackets`` the
venue's rules of liquidation. Amounts are decimals of the quote currency, rounded to ``CENT``.
"""
