"""What a session trades at where its orders are real: ``venue`` holds the orders, ``orders`` what is said of them.

Nothing here sends anything: a broker (``desk/brokers``) takes what is to be sent, and returns what the venue answered.
"""
