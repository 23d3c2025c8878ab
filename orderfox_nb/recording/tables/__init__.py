"""Recordings as tables: Parquet files that are made from journals, and SQL over them and what is not in them yet.

The journal is the store. A table holds nothing that its journal does not: it may be deleted at any time, and is made
again by the next question that needs it. ``schema`` has the columns, ``gathering`` turns events into rows, ``making``
writes and checks the files, ``recent`` has the rows of a journal that is still written, ``query`` asks DuckDB.

pyarrow and duckdb are the extra ``recording`` and are imported with the first question.
"""
