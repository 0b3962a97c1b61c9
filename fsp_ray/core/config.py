"""Settings of a run: frozen, self-checking, and hashed into what decides a video is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from fsp_ray.core.errors import SettingsError
from fsp_ray.core.ids import settings_hash

Replace = Literal["synthetic", "cover"]
Audio = Literal["keep", "drop"]
Privacy = Literal["standard", "strong"]

# Counts up when the same settings give a different published video, so that a refresh does
# the archive again.
PIPELINE_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What a source video may be; beyond it, it fails with `over_limit` before it costs much."""

    max_width_px: int = 8192
    max_height_px: int = 8192
    max_pixels: int = 8192 * 4352
    max_duration_s: float = 6 * 3600
    max_frames: int = 2_000_000


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Everything that changes what is published. No seed: that is the run's secret.

    Attributes:
        pack: model pack.
        replace: a synthetic face, or the cover for everybody.
        privacy: standard looks natural on every clip; strong moves further from the original and
            may cost naturalness.
        audit_retries: other faces tried for a person whom the audit does not pass, before the
            cover.
        audio: keep copies the packets; drop publishes silent video.
        detect_every: a whole-frame detection every so many frames (and on every cut).
        crf, preset: x264's quality (lower is better) and effort.
        shard_frames: aim of the planner; keyframes decide.
    """

    pack: str = "open"
    replace: Replace = "synthetic"
    privacy: Privacy = "standard"
    audit_retries: int = 3
    audio: Audio = "keep"
    detect_every: int = 5
    crf: int = 18
    preset: str = "veryfast"
    shard_frames: int = 300
    limits: VideoLimits = field(default_factory=VideoLimits)

    def __post_init__(self) -> None:
        if self.replace not in ("synthetic", "cover"):
            raise SettingsError(f"--replace can't be {self.replace!r}; say synthetic or cover.")
        if self.privacy not in ("standard", "strong"):
            raise SettingsError(f"--privacy can't be {self.privacy!r}; say standard or strong.")
        if not 0 <= self.audit_retries <= 10:
            raise SettingsError("audit_retries must lie in 0..10.")
        if self.audio not in ("keep", "drop"):
            raise SettingsError(f"--audio can't be {self.audio!r}; say keep or drop.")
        if not 1 <= self.detect_every <= 30:
            raise SettingsError("detect_every must lie in 1..30 frames.")
        if not 0 <= self.crf <= 51:
            raise SettingsError("crf must lie in 0..51.")
        if self.shard_frames < 1:
            raise SettingsError("shard_frames must be positive.")

    def as_dict(self) -> dict[str, object]:
        """Return the settings as JSON-able values."""
        return asdict(self)

    @property
    def hash(self) -> str:
        """Changes whenever the published videos would."""
        return settings_hash({"pipeline": PIPELINE_VERSION, **self.as_dict()})
