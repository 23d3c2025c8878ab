"""What ``orderfox doctor`` checks: the installation, and every venue of the source."""
