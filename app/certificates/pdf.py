"""A certificate as PDF: tagged (PDF/UA-1), fit to be kept (PDF/A-2a), in the holder's language, and
the same bytes for the same certificate."""

import json
from datetime import UTC
from functools import lru_cache
from typing import Any

from app.certificates.designs import check
from app.certificates.setting import ROOT, STANDARDS, page
from app.certificates.values import Design, Picture
from app.certificates.words import certificate_words
from app.domain.certificates import Certificate
from app.languages import translations
from app.typesetting import qr_code


def certificate_pdf(
    certificate: Certificate, design: Design, address: str, *, sample: bool = False
) -> bytes:
    """The PDF. `address`: where the certificate is verified, its code at the end; `sample`: it says
    across the page that it is one.

    The typefaces that come with Typst have the letters of Latin, Greek, Cyrillic, Armenian,
    Georgian, Hebrew, Arabic and Devanagari; for others the server's own are looked through.

    Raises:
        Invalid: the design cannot be used, see `designs.check`.
        Unprintable: characters for which there is no typeface.
    """
    files, words = _files(certificate, design, address, sample=sample)
    at = int(certificate.issued_at.astimezone(UTC).timestamp())
    return page(files, words, {"format": "pdf", "timestamp": at, "pdf_standards": STANDARDS})


def certificate_image(
    certificate: Certificate,
    design: Design,
    address: str,
    *,
    sample: bool = True,
    pixels_per_inch: int = 96,
) -> bytes:
    """The same as a PNG, to be looked at on a page. Raises like `certificate_pdf`."""
    files, words = _files(certificate, design, address, sample=sample)
    return page(files, words, {"format": "png", "ppi": pixels_per_inch})


def _files(
    certificate: Certificate, design: Design, address: str, *, sample: bool
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files that Typst sees beside the library, and what a template is told."""
    check(design)
    words = certificate_words(certificate, design, address, sample=sample)
    files: dict[str, bytes] = {}
    words["logos"] = [_placed(each, f"logo-{at}", files) for at, each in enumerate(design.logos)]
    for at, each in enumerate(design.signatories):
        placed = each.signature and _placed(each.signature, f"signature-{at}", files)
        words["signatories"][at]["picture"] = placed and placed | {"alt": each.name}
    alt = translations(certificate.language).gettext("QR code that leads to %(address)s")
    words["qr"] = {"file": "qr.svg", "alt": alt % {"address": address}}
    files["qr.svg"] = qr_code(address)
    files["data.json"] = json.dumps(words, ensure_ascii=False).encode()
    files["main.typ"] = _template(design.template)
    return files, words


def _placed(picture: Picture, name: str, files: dict[str, bytes]) -> dict[str, Any]:
    """What a template is told of a picture, which lies among the files from now on."""
    file = f"{name}.{picture.kind}"
    files[file] = picture.data
    return {"file": file, "ratio": picture.ratio, "alt": picture.alt}


@lru_cache(maxsize=8)
def _template(name: str) -> bytes:
    return (ROOT / f"{name}.typ").read_bytes()
