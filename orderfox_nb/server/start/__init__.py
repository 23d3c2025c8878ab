"""The start page of ``orderfox serve``: every notebook that is served, as a card."""
