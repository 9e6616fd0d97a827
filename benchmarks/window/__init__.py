"""How long each action of a user holds the window."""
