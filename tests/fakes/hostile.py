"""Files that lie about being videos."""

from __future__ import annotations

from pathlib import Path


def write_hostile(folder: Path, good: Path) -> tuple[str, ...]:
    """Write one file of each kind into a folder; `good` is a real MP4 to cut off and to lure with.

    Returns:
        Their names.
    """
    lure = good.resolve().as_posix()
    texts = {
        "text.mp4": "This is a letter, not a video.\n" * 40,
        "empty.mp4": "",
        "concat.mp4": f"ffconcat version 1.0\nfile '{lure}'\n",
        "playlist.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{lure}\n#EXT-X-ENDLIST\n",
        "session.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    whole = good.read_bytes()
    (folder / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    return (*texts, "truncated.mp4")
