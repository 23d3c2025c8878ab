"""The venue of a session whose orders are real: ``venue`` holds the orders, ``orders`` their reports.

Nothing here sends anything: a broker (``desk/brokers``) sends the commands, and returns the venue's answers.
"""
