"""The data model the `xnat` client downloads and builds its classes from, as small as it can be.

Written by hand for this server. The client asks for a list of schemas, then for each as XSD without a DTD.
"""

from typing import Final

_MODALITIES: Final = ("ct", "mg", "mr", "us", "otherDicom")


def _extends(name: str, base: str, inner: str = "") -> str:
    return (
        f'<xs:complexType name="{name}"><xs:complexContent><xs:extension base="xnat:{base}">{inner}'
        "</xs:extension></xs:complexContent></xs:complexType>"
    )


def _texts(*names: str) -> str:
    return "".join(f'<xs:attribute name="{name}" type="xs:string"/>' for name in names)


def _many(plural: str, one: str, kind: str) -> str:
    return (
        f'<xs:element name="{plural}" minOccurs="0"><xs:complexType><xs:sequence>'
        f'<xs:element name="{one}" type="xnat:{kind}" minOccurs="0" maxOccurs="unbounded"/>'
        "</xs:sequence></xs:complexType></xs:element>"
    )


def _sequence(*elements: str) -> str:
    return f"<xs:sequence>{''.join(elements)}</xs:sequence>"


XNAT_XSD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<xs:schema targetNamespace="http://nrg.wustl.edu/xnat" xmlns:xnat="http://nrg.wustl.edu/xnat"'
    ' xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">'
    '<xs:complexType name="projectData">'
    + _sequence(
        '<xs:element name="name" type="xs:string" minOccurs="0"/>', _many("resources", "resource", "abstractResource")
    )
    + _texts("ID")
    + '</xs:complexType><xs:complexType name="subjectData">'
    + _sequence(
        _many("experiments", "experiment", "subjectAssessorData"), _many("resources", "resource", "abstractResource")
    )
    + _texts("ID", "project", "label")
    + '</xs:complexType><xs:complexType name="experimentData">'
    + _sequence(_many("resources", "resource", "abstractResource"))
    + _texts("ID", "project", "label")
    + "</xs:complexType>"
    + _extends("subjectAssessorData", "experimentData", _texts("subject_ID"))
    + _extends(
        "imageSessionData",
        "subjectAssessorData",
        _sequence(_many("scans", "scan", "imageScanData")) + _texts("modality"),
    )
    + "".join(_extends(f"{kind}SessionData", "imageSessionData") for kind in _MODALITIES)
    + '<xs:complexType name="imageScanData">'
    + _texts("ID", "type", "modality", "series_description")
    + "</xs:complexType>"
    + "".join(_extends(f"{kind}ScanData", "imageScanData") for kind in _MODALITIES)
    + '<xs:complexType name="abstractResource">'
    + _texts("label", "file_count", "file_size")
    + "</xs:complexType>"
    + _extends("resource", "abstractResource", _texts("format", "content"))
    + _extends("resourceCatalog", "resource")
    + "</xs:schema>"
)
SCHEMAS: Final = {"xnat": XNAT_XSD}
