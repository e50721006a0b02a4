"""Lets Django find the templates of the review pages."""

from django.apps import AppConfig


class ReviewConfig(AppConfig):
    name = "egress_review.web"
    label = "egress_web"
