"""A venue on paper: real market data in, the bot's own orders matched against it, reports and fills out."""
