"""What is known of each project's cohort, from the bucket where the loader leaves it. For the scan on a cluster."""

from dataclasses import dataclass

from tidegate.objects.named import S3Named


@dataclass(frozen=True)
class BucketPacks:
    bucket: S3Named

    def pack(self, project: str) -> bytes | None:
        return self.bucket.read(f"{project}.json")
