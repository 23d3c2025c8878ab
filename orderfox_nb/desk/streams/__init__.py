"""The streams of frames, one file each: a file that declares ``STREAM`` is all that a stream needs (``registry``)."""
