"""What a column's name says: patterns in English, German, French and Spanish."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Pattern:
    """A name pattern. `kinds`: the column kinds it makes sense for; `people`: only in a table that is about people."""

    tag: str
    confidence: int
    words: re.Pattern[str]
    kinds: tuple[str, ...] = ("text",)
    people: bool = False


def _pattern(tag: str, confidence: int, words: str, kinds: str = "text", people: bool = False) -> Pattern:
    expression = re.compile(rf"(?:^|_)(?:{'|'.join(words.split())})(?:_?\d{{0,2}})(?:_|$)")
    return Pattern(tag, confidence, expression, tuple(kinds.split()), people)


# The order decides: `email_address` is an e-mail before it is an address.
PATTERNS: Sequence[Pattern] = (
    _pattern(
        "secret",
        92,
        "passwords? passwd passwort kennwort pwd pass_?phrase secrets? api_?keys? "
        "(?:access|private|secret|signing|encryption|auth)_?keys? (?:access|auth|refresh|bearer|api|session)_?tokens? "
        "tokens? credentials? mot_de_passe contrasena clave_secreta client_secret totp otp",
        kinds="text json bytes array",
    ),
    _pattern("secret", 70, "pin(?:_?code)? security_?(?:answer|code)", kinds="text number"),
    _pattern(
        "pii.contact.email",
        92,
        "e_?mails? e_?mail_?ad+ress?e? mail_?ad+ress?e? courriel correo(?:_electronico)?",
        kinds="text array",
    ),
    _pattern("pii.contact.email", 60, "mail"),
    _pattern(
        "pii.online",
        85,
        "ip ip_?v?[46]?_?addr(?:ess)? ip_?adresse remote_?addr user_?agent device_?id imei mac_?addr(?:ess)? "
        "cookie(?:_?id)? advertising_?id idfa session_?id user_?name login login_?name nick_?name benutzer_?name "
        "nom_utilisateur usuario",
        kinds="text number uuid net",
    ),
    _pattern("financial.iban", 95, "iban(?:_?(?:no|nr|number))? international_bank_account_number"),
    _pattern(
        "financial.card.code",
        92,
        "cvv cvc cvv2 cvc2 card_verification(?:_(?:code|value|number))? card_?security_?code pin_?block",
        kinds="text number",
    ),
    _pattern(
        "financial.card",
        92,
        "(?:credit|debit|payment|bank)_?cards? card_?(?:number|num|no|nr|pan) pan cc_?(?:number|num|no) "
        "credit_?card_?(?:number|num|no) kreditkarten?(?:_?nummer)? carte_(?:bancaire|de_credit) "
        "numero_(?:de_)?(?:carte|tarjeta) tarjeta",
        kinds="text number",
    ),
    _pattern("financial.card", 70, "card karte carte", kinds="text number"),
    _pattern(
        "financial.account",
        85,
        "bank_?account(?:_?(?:number|no|nr))? account_?(?:number|no|nr) konto(?:_?(?:nummer|nr))? bic "
        "swift(?:_?code)? sort_?code routing_?(?:number|no) blz bankleitzahl rib numero_de_(?:compte|cuenta) "
        "cuenta_bancaria",
        kinds="text number",
    ),
    _pattern(
        "financial.income",
        85,
        "salar(?:y|ies) income wages? gehalt einkommen lohn salaire revenu salario sueldo ingresos credit_?score "
        "schufa(?:_?score)?",
        kinds="text number",
    ),
    _pattern(
        "pii.national_id",
        92,
        "ssn social_?security(?:_?(?:number|num|no))? national_?id(?:_?(?:number|no))? national_identifier nino "
        "national_?insurance(?:_?(?:number|no))? tax_?(?:id|payer_id|number|no) tin steuer_?(?:id|nummer|nr) "
        "sozialversicherungs_?(?:nummer|nr) sv_?nummer (?:personal)?ausweis_?(?:nummer|nr)? "
        "passports?(?:_?(?:number|num|no))? reisepass(?:_?(?:nummer|nr))? pesel bsn dni nie nif cpf curp nir insee "
        "codice_fiscale personnummer cpr hetu aadhaar numero_(?:de_)?securite_sociale "
        "driv(?:er|ers|ing)_?licen[cs]e(?:_?(?:number|no))? fuehrerschein(?:_?nummer)? id_?card(?:_?(?:number|no))? "
        "identity_?(?:card|number|no) citizen_?id personal_?(?:id|code|number) carte_d_?identite "
        "documento_(?:de_)?identidad cedula",
        kinds="text number",
    ),
    _pattern(
        "pii.medical_record",
        90,
        "mrn medical_?record(?:_?(?:number|no|nr|id))? patient_?(?:number|no|nr) patientennummer numero_de_dossier "
        "historia_clinica",
        kinds="text number",
    ),
    _pattern(
        "pii.health_plan",
        88,
        "health_?plan(?:_?(?:number|no|id))? beneficiary_?(?:number|no) health_?insurance(?:_?(?:number|no|id))? kvnr "
        "krankenversicherungs_?(?:nummer|nr) versicherten_?(?:nummer|nr) medicare(?:_?(?:number|no|id))? "
        "medicaid(?:_?(?:number|no|id))? carte_vitale",
        kinds="text number",
    ),
    _pattern(
        "pii.vehicle",
        85,
        "vin vehicle_?identification(?:_?number)? (?:licen[cs]e|number|registration)_?plate(?:_?(?:number|no))? "
        "kfz_?kennzeichen plaque_d_?immatriculation immatriculation matricula_(?:del_)?(?:coche|vehiculo)",
    ),
    _pattern(
        "pii.certificate",
        80,
        "certificate_?(?:number|no|nr) licen[cs]e_?(?:number|no|nr) diploma_?(?:number|no) approbations_?(?:nummer|nr)",
        kinds="text number",
        people=True,
    ),
    _pattern(
        "pii.biometric",
        88,
        "biometric(?:s|_?data)? fingerprints? face_?prints? voice_?prints? retina(?:_?scan)? iris_?scan "
        "face_?embedding",
        kinds="text json bytes array number",
        people=True,
    ),
    _pattern(
        "pii.photo",
        75,
        "photos? photographs? portraits? selfies? headshots? avatars? lichtbild passfoto foto",
        kinds="text bytes",
        people=True,
    ),
    _pattern(
        "pii.date",
        75,
        "admission_?date admitted_(?:on|at) discharge_?date discharged_(?:on|at) date_of_(?:death|admission|discharge) "
        "death_?date died_(?:on|at) todesdatum sterbedatum aufnahme_?datum entlassungs_?datum fecha_de_defuncion "
        "date_de_deces",
        kinds="date timestamp",
    ),
    _pattern(
        "pii.birth_date",
        95,
        "dob birth_?(?:date|day) date_?of_?birth birth born(?:_(?:on|at))? geburts_?(?:datum|tag) geboren(?:_am)? "
        "date_(?:de_)?naissance naissance fecha_(?:de_)?nacimiento nacimiento birth_?year year_of_birth geburtsjahr",
        kinds="date timestamp text number",
    ),
    _pattern(
        "pii.contact.phone",
        90,
        "phones?(?:_?(?:number|num|no|nr))? (?:tele|cell_?|mobile_?)phones? telephone_?(?:number|no) "
        "tel(?:_?(?:no|nr|number))? mobile(?:_?(?:number|no))? cell(?:_?number)? fax(?:_?(?:number|no|nr))? msisdn "
        "telefon(?:_?(?:nummer|nr))? mobil(?:_?(?:nummer|nr|telefon))? handy(?:_?(?:nummer|nr))? rufnummer telefono "
        "movil celular numero_(?:de_)?(?:telephone|telefono)",
        kinds="text number array",
    ),
    _pattern(
        "pii.name",
        90,
        "(?:first|last|given|family|sur|full|maiden|middle|birth|legal)_?names? (?:fore|sur)names? vorname nachname "
        "familienname geburtsname prenom nom_(?:de_famille|complet) apellidos? nombre_completo "
        "(?:customer|client|contact|employee|patient|person|member|owner|holder|beneficiary|recipient|sender)_?name "
        "(?:author|guest|student|teacher|driver|passenger)_?name "
        "(?:account|card)_?holder(?:_?name)? kunden_?name ansprechpartner",
    ),
    _pattern("pii.name", 75, "names? nom nombres?", people=True),
    _pattern(
        "pii.address",
        88,
        "address(?:_?line)? addr street(?:_?(?:name|address|number))? strasse hausnummer house_?(?:number|no) "
        "post(?:al)?_?code zip(?:_?code)? plz postleitzahl adresse anschrift rue code_postal direccion calle "
        "codigo_postal domicilio wohnort home_?town",
        kinds="text number json array",
    ),
    _pattern("pii.address", 60, "city town ort stadt ville ciudad district", people=True),
    _pattern(
        "pii.location",
        65,
        "lat(?:itude)? lon(?:gitude)? lng geo_?(?:location|point|position) gps coordinates breitengrad laengengrad "
        "latitud longitud",
        kinds="text number json geo",
        people=True,
    ),
    _pattern(
        "pii.special",
        85,
        "religions? konfession ethnicity ethnic_origin race etnia health(?:_?(?:status|data))? diagnos[ei]s diagnose "
        "diagnostic diseases? krankheit maladie enfermedad medications? blood_?(?:type|group) blutgruppe "
        "sexual_?orientation politic(?:al)?(?:_?(?:party|opinion|view)s?)? union_?member(?:ship)? disabilit(?:y|ies) "
        "behinderung allerg(?:y|ies) icd_?(?:9|10|11)?(?:_?code)? biometric(?:s|_?data)? fingerprint",
        kinds="text number json array bytes",
    ),
    _pattern(
        "pii.demographic",
        80,
        "gender sex geschlecht sexe sexo genre marital_?status familienstand etat_civil estado_civil nationality "
        "nationalitaet nationalite nacionalidad citizenship age alter edad",
        people=True,
        kinds="text number",
    ),
    _pattern(
        "pii.text",
        80,
        "notes? comments? remarks? free_?text messages? body feedback complaint transcript bemerkung(?:en)? "
        "kommentare? notiz(?:en)? nachricht(?:en)? freitext commentaires? remarques? observaciones comentarios? "
        "mensajes? notas?",
        kinds="text json",
    ),
)

_PEOPLE = re.compile(
    r"(?:^|_)(?:customers?|clients?|users?|persons?|people|employees?|staff|patients?|members?|contacts?|students?|teachers?|"
    r"guests?|leads?|subscribers?|applicants?|candidates?|citizens?|passengers?|drivers?|donors?|tenants?|policy_?holders?|"
    r"card_?holders?|accounts?|kunden?|kundinnen|benutzer|personen?|mitarbeiter|patienten|mitglied(?:er)?|kontakte?|"
    r"personnes?|utilisateurs?|employes|clientes|usuarios?|personas?|empleados?|pacientes?)(?:_|$)"
)
# A part that tells that the column is about the thing, not the thing: `email_verified`, `phone_model`.
_ABOUT = re.compile(
    r"(?:^|_)(?:verified|confirmed|valid|count|type|kind|status|enabled|opt_?in|opted|template|format|id|ids|at|model|flag|"
    r"consent|hash_algorithm|preference|provider|domain|length|policy|required|expires|expiry|sent|bounced|version)$"
)


def plain(name: str) -> str:
    """`Kunden-Straße`, `customerEMail` as `kunden_strasse`, `customer_email`."""
    apart = _CAMEL.sub("_", name.replace("ß", "ss"))
    bare = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("_", bare).strip("_").replace("e_mail", "email")


def says(name: str, kind: str, *, people: bool) -> Pattern | None:
    """The first pattern that the name of a column of `kind` matches."""
    bare = plain(name)
    about = _ABOUT.search(bare) is not None
    for pattern in PATTERNS:
        found = pattern.words.search(bare)
        # `blood_type` and `national_id` end in such a part too, but there it belongs to the thing.
        meant = found is not None and (not about or found.end() == len(bare))
        if meant and kind in pattern.kinds and (people or not pattern.people):
            return pattern
    return None


def about_people(table: str, columns: Sequence[str]) -> bool:
    """Whether a table speaks of people: by its own name, or because it holds what only people have."""
    personal = ("pii.name", "pii.contact.email", "pii.contact.phone", "pii.birth_date", "pii.national_id")
    if _PEOPLE.search(plain(table)):
        return True
    found = (says(name, "text", people=False) for name in columns)
    return any(pattern is not None and pattern.tag in personal for pattern in found)
