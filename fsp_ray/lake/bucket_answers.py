"""What botocore, and what is below it, raise of a server's answers or silence, as our errors.

Apart from the errors themselves, for these libraries take a fifth of a second to load, and a lake
in a folder has no server.
"""

from __future__ import annotations

import asyncio
import errno
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

from fsp_ray.lake.bucket_errors import (
    ADVICE,
    DENIED,
    OUT_OF_REACH,
    WRONG_KEYS,
    BucketError,
    ChangedError,
    DeniedError,
    MissingError,
    OutOfReachError,
    scrubbed,
)

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
_DENIED_CODES: Final = frozenset(
    {"AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
    | {"InvalidToken", "ExpiredToken", "RequestTimeTooSkewed", "403", "401"}
)
_CHANGED_CODES: Final = frozenset({"PreconditionFailed", "412", "InvalidRange", "416"})


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
            errno.EACCES, "there are no keys for it", f"Set them, or AWS_PROFILE. {WRONG_KEYS}"
        )
    if isinstance(error, _ON_THE_WAY):
        return OutOfReachError(errno.EHOSTUNREACH, _unreached(error), OUT_OF_REACH)
    return BucketError(errno.EIO, scrubbed(f"{type(error).__name__}: {error}"))


def _answered(error: ClientError, what: str) -> OSError:
    code, status = _code(error), _status(error)
    advice = ADVICE.get(code, "")
    sentence = f"the server says {code}: {_message(error)}"
    if code == "NoSuchBucket":
        bucket = what.removeprefix("s3://").partition("/")[0]
        return BucketError(errno.ENXIO, f"there is no bucket {bucket}", advice)
    if code in _DENIED_CODES or status in (401, 403):
        return DeniedError(errno.EACCES, sentence, advice or DENIED)
    if code in _CHANGED_CODES:
        return ChangedError(errno.EEXIST, sentence)
    if status == 404:
        return MissingError(errno.ENOENT, "there is no such object")
    if may_pass(error):
        return OutOfReachError(errno.EBUSY, f"{sentence}, again and again", OUT_OF_REACH)
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
