"""Pictures as data URIs."""

import base64

CAPTION_HEIGHT = (
    "calc(0.4rem + 1.3125rem)"  # one line below a picture, with its margin (sprite.css)
)


def data_uri(image: bytes) -> str:
    """Return `image` as a data URI. Unlike an address in `/media`, it never expires."""
    kind = "png" if image[:4] == b"\x89PNG" else "jpeg" if image[:2] == b"\xff\xd8" else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
