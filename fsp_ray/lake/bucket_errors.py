"""What S3 servers, and the way to them, answer: as OSErrors that say what to do, and no secret.

Servers quote the request in their answers: key ids, strings to sign, tokens. Nothing of an answer
but its code and its message is passed on, and of those no key.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError
from fsspec.exceptions import FSTimeoutError
from urllib3.exceptions import HTTPError as Urllib3Error

NOT_OS_ERRORS: Final = (
    BotoCoreError,
    ClientError,
    ResponseParserError,
    aiohttp.ClientError,
    Urllib3Error,
)
"""What botocore and what is below it raise beside OSError."""

_ON_THE_WAY: Final = (
    BotoConnectionError,
    HTTPClientError,
    ResponseStreamingError,
    IncompleteReadError,
    ChecksumError,
    ResponseParserError,
    aiohttp.ClientError,
    Urllib3Error,
    FSTimeoutError,
    asyncio.TimeoutError,
    ConnectionError,
)
"""The request or its answer did not come through; asking again may help."""

_PASSING_CODES: Final = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestThrottled", "RequestLimitExceeded"}
    | {"InternalError", "ServiceUnavailable", "RequestTimeout", "IncompleteBody", "BadDigest"}
    | {"XAmzContentSHA256Mismatch", "ConditionalRequestConflict", "OperationAborted"}
)
_DENIED: Final = (
    "Grant these keys List and Get on the source; on the lake Put and Delete, too. Servers say the"
    " same of objects that are missing to keys that may not list."
)
_WRONG_KEYS: Final = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile."
_NO_BUCKET: Final = "Check the bucket's name and AWS_ENDPOINT_URL; buckets are not made for you."
_OUT_OF_REACH: Final = (
    "Check AWS_ENDPOINT_URL and the network, and run again when the server answers: what is done"
    " is not done twice."
)
_ADVICE: Final[Mapping[str, str]] = {
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "403": f"{_WRONG_KEYS} {_DENIED}",  # where no reason is given
    "InvalidAccessKeyId": _WRONG_KEYS,
    "SignatureDoesNotMatch": _WRONG_KEYS,
    "AuthorizationHeaderMalformed": "Check AWS_REGION, and the keys.",
    "InvalidToken": "Renew the session's token.",
    "ExpiredToken": "Renew the session's token.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
    "NoSuchBucket": _NO_BUCKET,
    "InvalidBucketName": _NO_BUCKET,
    "PermanentRedirect": "Set AWS_REGION to the bucket's region.",
}
_DENIED_CODES: Final = frozenset(
    {"AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
    | {"InvalidToken", "ExpiredToken", "RequestTimeTooSkewed", "403", "401"}
)
_CHANGED_CODES: Final = frozenset({"PreconditionFailed", "412", "InvalidRange", "416"})


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


def may_pass(error: BaseException) -> bool:
    """Return True if the same request may succeed a moment later."""
    answered = _client_error(error)
    if answered is None:
        return isinstance(error, _ON_THE_WAY)
    status = _status(answered)
    return status >= 500 or status == 429 or _code(answered) in _PASSING_CODES


def os_error(error: Exception, what: str) -> OSError:
    """Return an error of this room, or any other, as an OSError that is fit to be read.

    Args:
        error: what botocore, or what is below it, raised.
        what: the object or bucket that was asked for, for the reader.
    """
    if isinstance(error, BucketError):
        return error
    answered = _client_error(error)
    if answered is not None:
        return _answered(answered, what)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return DeniedError(
            errno.EACCES, "there are no keys for it", f"Set them, or AWS_PROFILE. {_WRONG_KEYS}"
        )
    if isinstance(error, _ON_THE_WAY):
        return OutOfReachError(errno.EHOSTUNREACH, _unreached(error), _OUT_OF_REACH)
    return BucketError(errno.EIO, scrubbed(f"{type(error).__name__}: {error}"))


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
        return sentence, _ADVICE.get(code, "")
    # From the request to the way it failed; the request's URL is where a signature would be.
    last = scrubbed(text.rsplit("↳", 1)[-1].rsplit(" - ", 1)[-1]).rstrip(".")
    return f"the server does not answer ({last})", _OUT_OF_REACH


def is_cut_short(text: str) -> bool:
    """Return True if deltalake says that an answer broke off, or did not come to a commit.

    Those requests it does not make again by itself.
    """
    gave_up = "max_retries" in text
    return "response body error" in text or ("operation timed out" in text and not gave_up)


def _answered(error: ClientError, what: str) -> OSError:
    code, status = _code(error), _status(error)
    advice = _ADVICE.get(code, "")
    sentence = f"the server says {code}: {_message(error)}"
    if code == "NoSuchBucket":
        bucket = what.removeprefix("s3://").partition("/")[0]
        return BucketError(errno.ENXIO, f"there is no bucket {bucket}", advice)
    if code in _DENIED_CODES or status in (401, 403):
        return DeniedError(errno.EACCES, sentence, advice or _DENIED)
    if code in _CHANGED_CODES:
        return ChangedError(errno.EEXIST, sentence)
    if status == 404:
        return MissingError(errno.ENOENT, "there is no such object")
    if may_pass(error):
        return OutOfReachError(errno.EBUSY, f"{sentence}, again and again", _OUT_OF_REACH)
    return BucketError(errno.EIO, sentence, advice)


def _unreached(error: Exception) -> str:
    if isinstance(error, EndpointConnectionError):
        return scrubbed(f"nobody answers at {_endpoint(error.kwargs.get('endpoint_url', ''))}")
    return scrubbed(f"the server does not answer ({type(error).__name__})")


def _endpoint(url: str) -> str:
    """Return where a URL leads, without what was asked for there."""
    return "/".join(str(url).split("/")[:3])


def _client_error(error: BaseException | None) -> ClientError | None:
    """Return the server's answer, also where s3fs has wrapped it."""
    if isinstance(error, ClientError):
        return error
    cause = error.__cause__ if error is not None else None
    return cause if isinstance(cause, ClientError) else None


def _response(error: ClientError) -> Mapping[str, Any]:
    return error.response


def _code(error: ClientError) -> str:
    return str(_response(error).get("Error", {}).get("Code", ""))


def _status(error: ClientError) -> int:
    return int(_response(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _message(error: ClientError) -> str:
    return scrubbed(str(_response(error).get("Error", {}).get("Message", ""))).rstrip(".")


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
