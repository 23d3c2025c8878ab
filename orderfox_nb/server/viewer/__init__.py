"""Pages without a kernel: the notebook is rendered once, and every viewer gets that page."""
