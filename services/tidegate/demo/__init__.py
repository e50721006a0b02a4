"""`make demo`: the main job walked as its users would, over HTTP, on everything real."""
