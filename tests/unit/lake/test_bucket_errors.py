"""What servers answer, made fit to be read: AWS quotes more of a request than our test servers."""

from __future__ import annotations

import errno
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from fsp_ray.core.errors import LakeError
from fsp_ray.lake.bucket_answers import may_pass, os_error
from fsp_ray.lake.bucket_errors import (
    ChangedError,
    DeniedError,
    MissingError,
    OutOfReachError,
    quoted,
    scrubbed,
)
from fsp_ray.lake.connection import bucket_filesystem
from fsp_ray.lake.errors import CutShortError, lake_errors
from fsp_ray.lake.patience import PATIENCE_VARIABLE, patience_s

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLETOKEN//////////wEaCXVzLWVhc3QtMSJ"
SIGNATURE = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
# As AWS answers to a wrong secret, and as deltalake quotes that.
BODY = f"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match
 the signature you provided.</Message><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId><StringToSign>AWS4
{SIGNATURE}</StringToSign><SignatureProvided>{SIGNATURE}</SignatureProvided><CanonicalRequest>GET
x-amz-security-token:{TOKEN}</CanonicalRequest></Error>"""
DELTA = (
    "Generic S3 error\n \x1b[31m↳\x1b[0m Error performing GET https://s3.eu-west-1.amazonaws.com/b/t"
    f" in 1.9ms - Server returned non-2xx status code\n ↳ 403 Forbidden\n ↳ {BODY}"
)
TELLING = (
    BODY,
    DELTA,
    f"https://b.s3.amazonaws.com/k?X-Amz-Credential={KEY_ID}%2F2026&X-Amz-Signature={SIGNATURE}",
    f"https://x/y?X-Amz-Security-Token={TOKEN}&partNumber=1",
    f"Authorization: AWS4-HMAC-SHA256 Credential={KEY_ID}/20260304, Signature={SIGNATURE}",
    f"headers: {{'x-amz-security-token': '{TOKEN}'}}",
    f"aws_secret_access_key = {SIGNATURE}",
    f"The AWS Access Key Id {KEY_ID} you provided does not exist",
)


@pytest.mark.parametrize("text", TELLING)
def test_nothing_secret_is_left_of_a_text(text: str) -> None:
    plain = scrubbed(text)
    for secret in (KEY_ID, TOKEN, SIGNATURE):
        assert secret not in plain
    assert "\n" not in plain
    assert "\x1b" not in plain


@pytest.mark.parametrize("text", ["No such file or directory", "a key = value", "s3://b/ü 1.mp4"])
def test_plain_texts_stay(text: str) -> None:
    assert scrubbed(text) == text


def test_the_keys_of_the_environment_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "odd but secret")
    assert "odd but secret" not in scrubbed("refused: odd but secret!")


@pytest.mark.parametrize("text", TELLING)
def test_neither_an_error_nor_its_traceback_tells_a_secret(text: str) -> None:
    with pytest.raises(LakeError) as caught, lake_errors("read the table videos"):
        raise OSError(text)
    shown = "".join(traceback.format_exception(caught.value))
    for secret in (KEY_ID, TOKEN, SIGNATURE):
        assert secret not in shown


def test_what_deltalake_quotes_is_said_in_a_sentence() -> None:
    sentence, advice = quoted(DELTA)
    assert sentence.startswith("the server says SignatureDoesNotMatch: The request signature")
    assert "AWS_SECRET_ACCESS_KEY" in advice
    assert quoted("no such table") == ("", "")


def test_an_answer_that_broke_off_is_told_from_one_that_says_no() -> None:
    text = "Generic S3 error: Error getting list response body: request or response body error"
    with pytest.raises(CutShortError), lake_errors("read"):
        raise OSError(text)
    with pytest.raises(LakeError) as caught, lake_errors("read"):
        raise OSError(DELTA)
    assert not isinstance(caught.value, CutShortError)


def _answer(code: str, status: int) -> ClientError:
    said = {"Code": code, "Message": f"about {KEY_ID}"}
    response = {"Error": said, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetObject")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status", "kind", "passes"),
    [
        ("NoSuchKey", 404, MissingError, False),
        ("404", 404, MissingError, False),
        ("AccessDenied", 403, DeniedError, False),
        ("403", 403, DeniedError, False),
        ("ExpiredToken", 400, DeniedError, False),
        ("PreconditionFailed", 412, ChangedError, False),
        ("SlowDown", 503, OutOfReachError, True),
        ("InternalError", 500, OutOfReachError, True),
        ("502", 502, OutOfReachError, True),
        ("TooManyRequests", 429, OutOfReachError, True),
        ("RequestTimeout", 400, OutOfReachError, True),
        ("NoSuchBucket", 404, OSError, False),
        ("EntityTooLarge", 400, OSError, False),
    ],
)
def test_answers_become_errors_of_their_kind(
    code: str, status: int, kind: type[OSError], passes: bool
) -> None:
    answer = _answer(code, status)
    assert may_pass(answer) is passes
    error = os_error(answer, "s3://bucket/key")
    assert isinstance(error, kind)
    assert isinstance(error, FileNotFoundError) == (kind is MissingError)
    assert KEY_ID not in str(error)


def test_no_answer_and_no_keys() -> None:
    lost = EndpointConnectionError(endpoint_url="http://127.0.0.1:1/bucket?uploadId=3")
    assert may_pass(lost)
    assert str(os_error(lost, "s3://bucket")) == "nobody answers at http://127.0.0.1:1"
    assert not may_pass(NoCredentialsError())
    assert os_error(NoCredentialsError(), "s3://bucket").errno == errno.EACCES


def test_a_process_has_one_way_to_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with ThreadPoolExecutor(4) as pool:
        ways = set(pool.map(lambda _: id(bucket_filesystem()), range(8)))
    assert len(ways) == 1
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    assert id(bucket_filesystem()) not in ways


def test_patience_is_a_number_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert patience_s() == 60
    monkeypatch.setenv(PATIENCE_VARIABLE, "2.5")
    assert patience_s() == 2.5
    for nonsense in ("a minute", "-1", "nan", "1e9"):
        monkeypatch.setenv(PATIENCE_VARIABLE, nonsense)
        with pytest.raises(LakeError, match=PATIENCE_VARIABLE):
            patience_s()
