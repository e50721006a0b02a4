"""Tells Django of our tables; named in the settings by `bootstrap`."""

from django.apps import AppConfig


class EgressConfig(AppConfig):
    name = "egress_review.adapters.db"
    label = "egress"
    verbose_name = "Egress review"
    default_auto_field = "django.db.models.BigAutoField"
