"""What goes wrong with S3 servers, as OSErrors that say what to do, in words that hold no secret.

Servers quote the request in their answers: key ids, strings to sign, tokens. Nothing of an answer
but its code and its message is passed on, and of those no key. bucket_answers.py makes the errors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

DENIED: Final = (
    "Grant these keys List and Get on the source; on the lake Put and Delete, too. Servers say the"
    " same of objects that are missing to keys that may not list."
)
WRONG_KEYS: Final = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile."
_NO_BUCKET: Final = "Check the bucket's name and AWS_ENDPOINT_URL; buckets are not made for you."
OUT_OF_REACH: Final = (
    "Check AWS_ENDPOINT_URL and the network, and run again when the server answers: what is done"
    " is not done twice."
)
ADVICE: Final[Mapping[str, str]] = {
    "AccessDenied": DENIED,
    "AllAccessDisabled": DENIED,
    "403": f"{WRONG_KEYS} {DENIED}",  # where no reason is given
    "InvalidAccessKeyId": WRONG_KEYS,
    "SignatureDoesNotMatch": WRONG_KEYS,
    "AuthorizationHeaderMalformed": "Check AWS_REGION, and the keys.",
    "InvalidToken": "Renew the session's token.",
    "ExpiredToken": "Renew the session's token.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "NoSuchBucket": _NO_BUCKET,
    "InvalidBucketName": _NO_BUCKET,
    "PermanentRedirect": "Set AWS_REGION to the bucket's region.",
}


class BucketError(OSError):
    """A request to an S3 server failed. `advice` says what to do about it."""

    def __init__(self, number: int, sentence: str, advice: str = "") -> None:
        super().__init__(number, sentence)
        self.advice = advice

    def __str__(self) -> str:
        """Return the sentence, without the error's number."""
        return str(self.strerror)


class DeniedError(BucketError, PermissionError):
    """These keys may not do that, or there are none."""


class MissingError(BucketError, FileNotFoundError):
    """There is no such object."""


class ChangedError(BucketError, FileExistsError):
    """The object is not the one that was meant: a condition of the request did not hold."""


class OutOfReachError(BucketError, ConnectionError):
    """The server did not answer, or only with failures of its own, for as long as we waited."""


def quoted(text: str) -> tuple[str, str]:
    """Return the sentence and the advice for a server's answer, or silence, as deltalake quotes it.

    Both are empty for a text about something else.
    """
    if not any(words in text for words in _OBJECT_STORE_WORDS):
        return "", ""
    said = dict(_KEPT_ELEMENT.findall(text))
    code = said.get("Code", "")
    if code and "max_retries" not in text:  # else asked again and again
        sentence = f"the server says {code}: {scrubbed(said.get('Message', '')).rstrip('.')}"
        return sentence, ADVICE.get(code, "")
    # From the request to the way it failed; the request's URL is where a signature would be.
    last = scrubbed(text.rsplit("↳", 1)[-1].rsplit(" - ", 1)[-1]).rstrip(".")
    return f"the server does not answer ({last})", OUT_OF_REACH


def is_cut_short(text: str) -> bool:
    """Return True if deltalake says that an answer broke off, or did not come to a commit.

    Those requests it does not make again by itself.
    """
    gave_up = "max_retries" in text
    return "response body error" in text or ("operation timed out" in text and not gave_up)


_SECRET_VARIABLES: Final = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_OBJECT_STORE_WORDS: Final = ("S3 error", "Error performing")
_KEPT_ELEMENT: Final = re.compile(r"<(Code|Message)>([^<]*)</\1>")
_SECRETS: Final = (
    # Ids of keys, the words that go before secrets in headers and queries, and signatures.
    re.compile(r"\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b"),
    re.compile(
        r"(?i)\b(x-amz-[a-z-]*(?:signature|credential|security-token)|aws_?access_?key_?id"
        r"|aws_?secret_?access_?key|aws_?session_?token|signature|credential|authorization)"
        r"['\"]?\s*[=:]\s*['\"]?(?:AWS4-HMAC-SHA256[^\n]*|[^\s,&;\"'>)]+)"
    ),
)
_HIDDEN: Final = "(hidden)"


def scrubbed(text: str) -> str:
    """Return a text in one line, without keys, tokens and signatures, or the bodies of answers."""
    plain = _ANSI.sub("", text).replace("↳", "")
    plain = _without_body(plain)
    for variable in _SECRET_VARIABLES:
        value = os.environ.get(variable, "")
        if len(value) > 3:
            plain = plain.replace(value, _HIDDEN)
    for pattern in _SECRETS:
        plain = pattern.sub(_HIDDEN, plain)
    return " ".join(plain.split())


def is_plain(error: BaseException) -> bool:
    """Return True if an error's own text, and that of its cause, hold nothing to be hidden."""
    chain = (error, error.__cause__) if error.__cause__ else (error,)
    return all(scrubbed(str(each)) == " ".join(str(each).split()) for each in chain)


def _without_body(text: str) -> str:
    """Keep of an XML answer its code and message."""
    start = re.search(r"<\?xml|<Error>|<[A-Za-z]+Response\b|<html", text)
    if start is None:
        return text
    kept = dict(_KEPT_ELEMENT.findall(text, start.start()))
    return text[: start.start()] + ": ".join(
        kept[word] for word in ("Code", "Message") if word in kept
    )
