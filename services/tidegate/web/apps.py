"""Lets Django find the shared templates; named in the settings of each web service."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "tidegate.web"
    label = "tidegate_web"
