"""What all widgets of a page share: its link to the server, its theme, its view; and the dashboard."""
