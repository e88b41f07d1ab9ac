"""What mail programs ask for by themselves: Thunderbird's autoconfig, Outlook's autodiscover.

They get the same answer whatever address they give: who has an account is not told.
"""

import re
from xml.etree import ElementTree as ET
from xml.parsers import expat

from gateway.admin.console.place import Place, place_of
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask

_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_ADDRESS = re.compile(r"[^\s<>@\"]{1,64}@[^\s<>@\"]{1,253}")
_XML = "application/xml; charset=utf-8"
_NAMESPACE = "http://schemas.microsoft.com/exchange/autodiscover/"
_RESPONSE = f"{_NAMESPACE}responseschema/2006"
_OUTLOOK = f"{_NAMESPACE}outlook/responseschema/2006a"
_INVALID = 600


async def autoconfig(site: Site, ask: Ask) -> Answer:
    """Mozilla's config-v1.1.xml: wiki.mozilla.org/Thunderbird:Autoconfiguration."""
    site.gate.pass_("program", ask.address)
    domain = ask.query.get("emailaddress", "").rpartition("@")[2].lower()
    place = place_of(site.settings, site.url)
    known = _DOMAIN.fullmatch(domain)
    return _answer(_client_config(place, domain if known else place.host))


def _client_config(place: Place, domain: str) -> ET.Element:
    root = ET.Element("clientConfig", version="1.1")
    provider = ET.SubElement(root, "emailProvider", id=place.host)
    _add(provider, "domain", domain)
    _add(provider, "displayName", f"Mail at {place.host}")
    _add(provider, "displayShortName", "Mail")
    server = ET.SubElement(provider, "incomingServer", type="pop3")
    socket = {"SSL/TLS": "SSL", "STARTTLS": "STARTTLS", "None": "plain"}[place.security]
    _add(server, "hostname", place.host)
    _add(server, "port", str(place.port))
    _add(server, "socketType", socket)
    _add(server, "authentication", "password-cleartext")
    _add(server, "username", "%EMAILADDRESS%")
    return root


async def autodiscover(site: Site, ask: Ask) -> Answer:
    """Outlook's POX: MS-OXDSCLI."""
    site.gate.pass_("program", ask.address)
    address = requested_address(ask.body)
    if address is None:
        return _answer(_outlook_refusal())
    return _answer(_outlook_config(place_of(site.settings, site.url), address))


def requested_address(octets: bytes) -> str | None:
    """EMailAddress of a request; None if it is no right request.

    Neither a document type nor entities are allowed in it: nothing can grow, nothing is
    fetched.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(octets, True)
    except (expat.ExpatError, _Forbidden):
        return None
    address = "".join(reader.found).strip()
    return address if _ADDRESS.fullmatch(address) else None


class _Forbidden(Exception):
    pass


class _Reader:
    """Collects the text of EMailAddress."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._within = False
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._forbid
        self.parser.EntityDeclHandler = self._forbid
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _forbid(self, *_: object) -> None:
        raise _Forbidden

    def _start(self, name: str, _: object) -> None:
        self._within = name.rpartition(":")[2] == "EMailAddress"

    def _end(self, _: str) -> None:
        self._within = False

    def _text(self, text: str) -> None:
        if self._within and len(self.found) < 100:
            self.found.append(text)


def _outlook_config(place: Place, address: str) -> ET.Element:
    root = ET.Element("Autodiscover", xmlns=_RESPONSE)
    account = ET.SubElement(ET.SubElement(root, "Response", xmlns=_OUTLOOK), "Account")
    _add(account, "AccountType", "email")
    _add(account, "Action", "settings")
    protocol = ET.SubElement(account, "Protocol")
    _add(protocol, "Type", "POP3")
    _add(protocol, "Server", place.host)
    _add(protocol, "Port", str(place.port))
    _add(protocol, "LoginName", address)
    _add(protocol, "DomainRequired", "off")
    _add(protocol, "SPA", "off")
    _add(protocol, "SSL", "on" if place.tls_port else "off")
    if place.security == "STARTTLS":
        _add(protocol, "Encryption", "TLS")
    _add(protocol, "AuthRequired", "on")
    return root


def _outlook_refusal() -> ET.Element:
    root = ET.Element("Autodiscover", xmlns=_RESPONSE)
    error = ET.SubElement(ET.SubElement(root, "Response"), "Error")
    _add(error, "ErrorCode", str(_INVALID))
    _add(error, "Message", "Invalid Request")
    return root


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _answer(root: ET.Element) -> Answer:
    ET.indent(root)
    return Answer(ET.tostring(root, "utf-8", xml_declaration=True), kind=_XML)


ROUTES = (
    Route("GET", "/.well-known/autoconfig/mail/config-v1.1.xml", "program", autoconfig),
    Route("GET", "/mail/config-v1.1.xml", "program", autoconfig),
    Route("POST", "/autodiscover/autodiscover.xml", "program", autodiscover),
    Route("POST", "/Autodiscover/Autodiscover.xml", "program", autodiscover),
)
