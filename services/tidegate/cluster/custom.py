"""The six kinds as the API knows them. Used by the store, the controller and whoever renders the definitions."""

from typing import Final

from tidegate.cluster.port import Resource
from tidegate.model import KINDS, Kind
from tidegate.model.base import API_VERSION

GROUP: Final = API_VERSION.partition("/")[0]
CUSTOM: Final = {
    kind: Resource(API_VERSION, str(kind), f"{kind.lower()}s", namespaced=kind is Kind.COHORT) for kind in KINDS
}
