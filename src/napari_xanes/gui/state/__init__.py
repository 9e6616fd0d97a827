"""What the window knows: objects without widgets, one set for each viewer. Panels observe them."""
