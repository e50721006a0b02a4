"""The register of requests in Django's database, with the ledger inside it. The one place with models."""
