"""Replaced below."""


class Review:
    def __init__(self, url: str) -> None:
        self.url = url
