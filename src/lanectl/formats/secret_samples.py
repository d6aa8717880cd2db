"""What has the form of a secret and is none: samples of documents, placeholders, typed values."""

from __future__ import annotations

import hashlib
import re
import string
from typing import Final

# A generated token of 100 characters holds one of the short words once in some 10,000 times.
_WORDS: Final = re.compile(
    rb"example|sample|placeholder|dummy|fake|change.?me|replace|insert|your|redacted|removed|xxxx"
    rb"|not.?a.?real|invalid|secret|password|token|test|demo|here|foo.?bar|mock|12345|00000|abcdef",
    re.IGNORECASE,
)
_ROWS: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
# Six neighbours in the alphabet, up or down.
_COUNTED: Final = re.compile(
    "|".join(
        row[i : i + 6]
        for alphabet in _ROWS
        for row in (alphabet, alphabet[::-1])
        for i in range(len(row) - 5)
    ).encode()
)
_REPEATED: Final = re.compile(rb"(.)\1{4}", re.DOTALL)

# SHA-256 of keys that vendors print in their documents, by length: the account key of Azure's
# storage emulator, the secret key of every Supabase stack that runs on a developer's machine.
_DOCUMENTED: Final = {
    88: "0011cc25eb4320717494d2703e8cba85743e71b500283c21c8b88147992f9059",
    31: "1771c2baae978eb4f573d9896da378674ce652f1f5006dc156ce6cecf400276a",
}


def is_sample(body: bytes) -> bool:
    """Whether the part of a token that a vendor generates was typed by a person, or is documented.

    `body` comes without the vendor's prefix: `sb_secret_` would be a word of a sample.
    """
    letters = body.translate(None, b"_-.+/=")
    return (
        len(set(letters)) < 8
        or any(r.search(letters) for r in (_WORDS, _REPEATED, _COUNTED))
        or (letters.isalpha() and (letters.islower() or letters.isupper()))
        or (len(body) in _DOCUMENTED and hashlib.sha256(body).hexdigest() == _DOCUMENTED[len(body)])
    )
