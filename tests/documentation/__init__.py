"""The documentation: the site, and the code in it."""
