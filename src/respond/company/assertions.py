"""Check what a caller signs to be let in, and the one key that callers of the company sign with.

Source: RFC 7523, section 3; RFC 7515, section 5.2.
"""

from __future__ import annotations

import base64
import binascii
import json
from functools import cache
from typing import Any, Final

from respond.company.exchange import Json

__all__ = ["PRIVATE_KEY", "claims_of"]

# Nobody's key. To make one takes a tenth of a second, in each process that has a company.
PRIVATE_KEY: Final = """\
-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDm6PAscr4fIhyH
Y58cjZyi24danGYbN/lDZ52h47il0dTaV9sOT52yAoWuV1AWJ7LLEiNmNKLyYJyf
sOdS8MfGxw9nJXV3Qr+Riw9xM+oLJV3ZHGOy084/aelVsOYgREzpX66sWJblNIXY
FXWblUgflcfVVaGTxtW0vT9pOjri9uJ+TVQSDkLl0w1ZIPgHNKH/vLj0Kt08d/t+
7ifTH3PKtSoF7uTAN8D73qgw0TGhelY6q44X5X9xDYIkPEfeBQ5HvvrIZN9D58Rn
dkJaq67aBSucmQ3zFbEQRzVQvqtZbfWW8Qw3DgTRiCAc5ceVwPI6akB6Y7MpW4Sy
3sStpj3BAgMBAAECggEAMK+IhDalM3dDwKAWmjSZhBT5UveK585DdhzQtaOH+R5m
3KqNe1T6EOBLQ1kRf7pbDkoCwLf0a1pHa7wm6evuk1DBRKQ3QjAGqC9D0EB75mG4
ieBcfQX/hItWMUUdIEyGUuZjs97x4d3TIp5Tr7wn+tDf03E8oiXYRUVpq0wlwliZ
Gu8weOzCsGlr2l6cBzkM8npPAqyqUVwnGkpG5Mos8xSiVjJLUyhdNlZfgdL2c5QC
BsOfPJ6x8U/Fya1eX2fK/w8lNpcnsZgQiSLb8i0CYyOwenYwgCoDaSIvUnlavgBN
KQ/qaW41lThwq6jQjstb4Ku4io3KJhJsnOmr1YbB4QKBgQD21MiH/0eMlc6jcv0c
OPKczsJ6lV8Q7gOc4v0p9ReuBnx2X3pHT67+eX9i/NqekXiAsKZLfw1NSg9AP1iu
sYO2Kx8dMesuq1Z9ivHtAawNzeXjyWMyKTXE0EfoOV9K4x0+gFh3aZLdjCrEvVuF
svRARmdZG65tEUtLVYh6FD4rFQKBgQDvfMDMEjwRCLAc6A7qjlI/E7gmfWhwte9q
FmBZ9itPsSWX2FE89qKds9iC0ZQVCOvn8LOFXL7g0hKdwkwM1t9XK3Fu10ZBPMqY
d5hu5SceBlcp652zW2jqhjhtuQ9RzRMJixIzCBZsm5+4mNVvIpHOJmk42Dx3te+k
Rm7YAkGC/QKBgBWnAtRTQ36EobTa4HM6V6YDyTGhqs48Ytq/Wr/0fRhJ/18O7xYU
WmB+Xftb/P2N+0kmtd/HjG4sQfw70la4wboYPEl+WIgmhZbLun8091faqQD7aJU8
4jeaocQwTDiwhZ82+Qu4miaPJi1OAxpOYXjF9Ejv0bRFoRpBrZAv+GglAoGBALMT
WOL/m5StJ2tmBolThKKP7zowuiDVmkF8m+2JCpfbgZ3KbeylC7HaokInzo/wDN5x
ePt2/3ADBVKbz9wl6/k1jetw46Kyf1eEziHWDesAmLrK6TANYSVE2fsJzy++pcaU
DDbGjGYH9GXHOomQkvBQfou3/XcSPzBaTlYNUclNAoGAFEd462ESMS3FxC4L9C9s
LYERUZ9Z/8PrJf6HJ6LhOMrXYNWyTKapc3HyekZQuXbGz2ys9NqX5wZhRM7/ylm6
9RCuJfpUtC8d/YhMd8QbtXj/osQ3uOT8xwRmJxHcPq6TkI3ylLz1H1QXfldLLjOz
0bepSXDoc3tGmlYefJDyIo8=
-----END PRIVATE KEY-----
"""


def claims_of(assertion: str, *, audience: str = "", now: float) -> Json | None:
    """What a caller claims; None unless this key signed it, for here and for now.

    Without an audience it says of none. What was issued in the future is not for now: how far a
    clock may be ahead, vendors do not say.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - heavy

    signed, _, signature = assertion.rpartition(".")
    try:
        header, claims = (json.loads(_bytes(part)) for part in signed.split("."))
        _public_key().verify(_bytes(signature), signed.encode(), padding.PKCS1v15(), SHA256())
        is_good = (
            header["alg"] == "RS256"
            and claims["iat"] <= now < claims["exp"]
            and claims["exp"] - claims["iat"] <= 3_600  # noqa: PLR2004 - an hour
            and claims.get("aud", "") == audience
        )
    except (InvalidSignature, binascii.Error, ValueError, KeyError, TypeError):
        return None
    return dict(claims) if is_good else None


@cache
def _public_key() -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - heavy

    return load_pem_private_key(PRIVATE_KEY.encode(), None).public_key()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
