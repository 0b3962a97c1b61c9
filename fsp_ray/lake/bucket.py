"""The one place that connects to S3 servers: one connection pool a process, patient with servers.

A request is made again, for a minute, while a server fails or is out of reach; each ends within a
bound, and what it raises is an OSError that says what to do and holds no key.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

from botocore.configprovider import ConfiguredEndpointProvider
from botocore.exceptions import NoCredentialsError
from fsspec.asyn import sync, sync_wrapper
from s3fs import S3FileSystem

from fsp_ray.lake.bucket_answers import NOT_OS_ERRORS, may_pass, os_error
from fsp_ray.lake.bucket_errors import ChangedError, is_plain
from fsp_ray.lake.patience import patience_s

T = TypeVar("T")

_CONNECT_S: Final = 10.0
_SILENCE_S: Final = 20.0
_ATTEMPT_S: Final = 30.0
# Slower than that, and a request is given up as one that hangs.
_SLOWEST_BYTES_PER_S: Final = 1 << 17
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 5.0
# After waiting in vain: whoever asks next within that time does not wait all over again.
_REMEMBERED_S: Final = 120.0
_CONNECTIONS: Final = 16


class PatientS3(S3FileSystem):
    """s3fs that asks again for a while, keeps no listings, and raises nothing but OSError."""

    retries = 1  # ours are counted in seconds, not in attempts
    connect_timeout = _CONNECT_S
    read_timeout = _SILENCE_S

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._given_up_at = float("-inf")

    async def _call_s3(self, method: str, *options: Any, **arguments: Any) -> Any:
        """Make one request; see botocore's S3 client for methods, arguments and answers.

        Raises:
            BucketError: DeniedError, MissingError, ChangedError, OutOfReachError or another.
        """
        body = arguments.get("Body", b"")
        what = _what(arguments)
        return await self.patiently(
            what, lambda: self._call_once(method, *options, **arguments), size_bytes=len(body)
        )

    call_s3 = sync_wrapper(_call_s3)

    async def _call_once(self, method: str, *options: Any, **arguments: Any) -> Any:
        return await super()._call_s3(method, *options, **arguments)

    async def read_range(self, bucket: str, key: str, start: int, stop: int, etag: str) -> bytes:
        """Return the bytes [start, stop) of one version of an object.

        Raises:
            ChangedError: it is another version by now.
            BucketError: it can't be read.
        """
        what = f"s3://{bucket}/{key}"

        async def attempt() -> bytes:
            answer = await self._call_once(
                "get_object",
                Bucket=bucket,
                Key=key,
                Range=f"bytes={start}-{stop - 1}",
                IfMatch=etag,
            )
            async with answer["Body"] as body:
                data: bytes = await body.read()
            # Not every server knows If-Match.
            if answer.get("ETag") != etag:
                raise ChangedError(errno.EEXIST, f"{what} is another version by now")
            if len(data) != stop - start:
                raise ConnectionError(f"{len(data)} of {stop - start} bytes came")
            return data

        return await self.patiently(what, attempt, size_bytes=stop - start)

    async def read_whole(self, bucket: str, key: str) -> tuple[bytes, Mapping[str, Any]]:
        """Return a small object, and what the server says of it.

        Raises:
            BucketError: it can't be read.
        """

        async def attempt() -> tuple[bytes, Mapping[str, Any]]:
            answer = await self._call_once("get_object", Bucket=bucket, Key=key)
            async with answer["Body"] as body:
                data: bytes = await body.read()
            return data, answer

        return await self.patiently(f"s3://{bucket}/{key}", attempt)

    async def patiently(
        self, what: str, attempt: Callable[[], Awaitable[T]], *, size_bytes: int = 0
    ) -> T:
        """Await an attempt, and the next one, until one succeeds or patience ends.

        Args:
            what: that is asked for, for the reader of an error.
            attempt: makes the request, and may be called again.
            size_bytes: that it moves; a large one may take longer.

        Raises:
            BucketError: the last attempt's.
        """
        limit_s = _ATTEMPT_S + size_bytes / _SLOWEST_BYTES_PER_S
        began, wait_s = time.monotonic(), _FIRST_WAIT_S
        patience_s = self._patience_s()
        while True:
            try:
                result = await asyncio.wait_for(attempt(), limit_s)
            except (*NOT_OS_ERRORS, OSError) as error:
                passes = may_pass(error)
                if not passes or time.monotonic() - began + wait_s > patience_s:
                    self._given_up_at = time.monotonic() if passes else float("-inf")
                    clean = os_error(error, what)
                    raise clean from (error if is_plain(error) else None)
            else:
                self._given_up_at = float("-inf")
                return result
            # Random, so that workers that failed together don't come back together.
            await asyncio.sleep(wait_s * (0.5 + secrets.randbelow(500) / 1000))
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _patience_s(self) -> float:
        given_up_just_now = time.monotonic() - self._given_up_at < _REMEMBERED_S
        return 0.0 if given_up_just_now else patience_s()

    async def _keys(self) -> Mapping[str, str]:
        """Return the keys that the AWS chain finds now, as deltalake calls them."""
        await self.set_session()
        session: Any = self.session
        found = await session.get_credentials()
        if found is None:
            raise NoCredentialsError
        keys = await found.get_frozen_credentials()
        options = {
            "aws_access_key_id": keys.access_key,
            "aws_secret_access_key": keys.secret_key,
            "aws_session_token": keys.token,
        }
        return {name: value for name, value in options.items() if value}

    def delta_options(self) -> dict[str, str]:
        """Return what deltalake needs to reach the same server with the same keys and patience.

        The two find keys and endpoints in different places; here deltalake is told what botocore
        has found. A bucket's conditional writes keep two commits from taking the same version.
        The options hold keys: they are made when they are needed, and kept nowhere.

        Raises:
            BucketError: there are no keys, or what should lead to them is broken.
        """
        try:
            keys: Any = sync(self.loop, self._keys)  # typed as if it returned nothing
        except NOT_OS_ERRORS as error:
            raise os_error(error, "the keys") from None
        client: Any = self.s3
        endpoint = _endpoint(self.session)
        options = {
            "aws_conditional_put": "etag",
            "aws_region": client.meta.region_name or "us-east-1",
            "max_retries": "1000",  # the time ends them
            "retry_timeout": f"{self._patience_s():.0f}s",
            "backoff_config.init_backoff": f"{_FIRST_WAIT_S * 1000:.0f}ms",
            "backoff_config.max_backoff": f"{_LONGEST_WAIT_S:.0f}s",
            "connect_timeout": f"{_CONNECT_S:.0f}s",
            "timeout": f"{_ATTEMPT_S:.0f}s",
            **keys,
        }
        if endpoint:
            options["aws_endpoint_url"] = endpoint
        if endpoint.startswith("http://"):
            options["aws_allow_http"] = "true"
        return options


@lru_cache(maxsize=4)
def connected(process: int, environment: str) -> PatientS3:
    """Make the file system of a process (a fork must not share sockets) and an environment."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return PatientS3(
        skip_instance_cache=True,
        use_listings_cache=False,  # others write
        client_kwargs={"region_name": region} if region else {},
        config_kwargs={
            "retries": {"total_max_attempts": 1},
            "max_pool_connections": _CONNECTIONS,
            # Uploads carry an MD5 that every server checks; not all know AWS's newer checksums.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
    )


def _endpoint(session: Any) -> str:
    """Return the endpoint that is configured, by the environment or a profile; "" for AWS's own."""
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return ""
    provider = ConfiguredEndpointProvider(
        full_config=session.full_config,
        scoped_config=session.get_scoped_config(),
        client_name="s3",
    )
    return str(provider.provide() or "")


def _what(arguments: Mapping[str, Any]) -> str:
    """Return what a request is about, for the reader of an error."""
    place = arguments.get("Key") or arguments.get("Prefix") or ""
    return f"s3://{arguments.get('Bucket', '')}/{place}".rstrip("/")
