"""What the hub must know about itself in either mode: where browsers find it and how long a workspace may live.

`HubSettings` (one machine) and `KubernetesSettings` add where everything runs; `shared` reads no more than this.
"""

from urllib.parse import urlsplit

from tidegate.model.names import Frozen


class PublicSettings(Frozen):
    """Times in seconds. Each person's workspaces and the review pages are hosts below the hub's own."""

    idle_seconds: int = 4 * 3600
    longest_seconds: int = 7 * 24 * 3600

    @property
    def public_url(self) -> str:
        """``scheme://host[:port]`` of the hub's pages, without a slash at the end."""
        raise NotImplementedError

    @property
    def hub_url(self) -> str:
        """The hub as the browser reaches it."""
        return f"{self.public_url}/hub/"

    @property
    def review_host(self) -> str:
        return f"review.{urlsplit(self.public_url).hostname}"

    @property
    def review_url(self) -> str:
        return self.origin_of("review")

    @property
    def review_callback(self) -> str:
        return f"{self.review_url}/oauth/callback"

    def origin_of(self, user: str) -> str:
        """The origin of one person's workspaces; ``*`` stands for everybody's."""
        address = urlsplit(self.public_url)
        return f"{address.scheme}://{user}.{address.netloc}"
