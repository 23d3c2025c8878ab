"""Self-contained SVG: of stills and of reports."""
