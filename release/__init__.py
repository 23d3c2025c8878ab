"""Checks before a release, run by ``make release-check``: what is published, installed as a stranger installs it."""
