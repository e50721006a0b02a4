"""What the web pages of every service share: the style sheet in `static/`."""
