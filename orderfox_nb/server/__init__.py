"""REST and WebSocket endpoints as a Jupyter server extension and as the dashboard server."""
