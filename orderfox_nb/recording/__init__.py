"""Recordings of a venue's data on disk: written once a second, read back in the order of receipt.

``journal`` is the file format, ``writer`` writes it, ``recording`` reads it and ``ring`` bounds the folder. Nothing
here depends on where events come from or who reads them.
"""
