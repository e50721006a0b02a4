"""A licence on paper as data. The policy compiler turns it into what Open Policy Agent decides from."""

from typing import Literal

from tidegate.model.base import Resource
from tidegate.model.later import Growing, later
from tidegate.model.licence_parts import (
    Contacts,
    Data,
    DuoCode,
    End,
    Incident,
    IntellectualProperty,
    MondoCode,
    Outputs,
    Ownership,
    Parties,
    Permission,
    Purpose,
    Sharing,
    Source,
    Term,
    Territory,
    UnmodelledClause,
)
from tidegate.model.names import Line

__all__ = ["DuoCode", "Licence", "LicenceTerms", "MondoCode", "Ownership", "Permission", "Purpose", "Sharing", "Term"]


class LicenceTerms(Growing):
    title: Line
    spdx: Line
    licensor: Line
    source: Source = Source()
    grant: Term
    purpose: Purpose = Purpose()
    parties: Parties = Parties()
    sharing: Sharing = Sharing()
    outputs: Outputs = Outputs()
    unmodelled: tuple[UnmodelledClause, ...] = ()
    contacts: Contacts = later(Contacts())
    territory: Territory = later(Territory())
    data: Data = later(Data())
    ip: IntellectualProperty = later(IntellectualProperty())
    end: End = later(End())
    incident: Incident = later(Incident())


class Licence(Resource):
    """Immutable: new terms are a new Licence."""

    kind: Literal["Licence"] = "Licence"
    spec: LicenceTerms
