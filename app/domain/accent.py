"""A cycle's accent colour, made fit to be read: contrast as WCAG 2.2, 1.4.3 computes it.

An organizer picks a colour that looks right on a poster. Here it becomes three that can be read:
as text and as a button's ground on white, as text on such a button, and as text on the dark ground.
Hue and saturation stay, only the lightness moves, and no further than it has to.
"""

from colorsys import hls_to_rgb, rgb_to_hls
from dataclasses import dataclass
from functools import lru_cache

Rgb = tuple[int, int, int]

AA = 4.5
WHITE: Rgb = (255, 255, 255)
INK: Rgb = (0x14, 0x17, 0x1A)
# The stylesheet's grounds that text in the accent stands on; the soft one is the harder in both.
_SOFT: Rgb = (0xF5, 0xF6, 0xF7)
_DARK_SOFT: Rgb = (0x1C, 0x20, 0x24)
_STEPS = 200


@dataclass(frozen=True, slots=True)
class Accent:
    """Three colours as "#rrggbb"."""

    accent: str
    on_accent: str
    dark: str


def _linear(channel: int) -> float:
    value = channel / 255
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def luminance(color: Rgb) -> float:
    """Relative luminance, 0 to 1."""
    red, green, blue = map(_linear, color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: Rgb, b: Rgb) -> float:
    """Contrast ratio, 1 to 21."""
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def parse(color: str) -> Rgb:
    """ "#rrggbb" as numbers. Raises ValueError for anything else."""
    if len(color) != 7 or color[0] != "#":
        raise ValueError(f"not a colour: {color!r}")
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _hex(color: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _moved(color: Rgb, ground: Rgb, *, towards: float) -> Rgb:
    """The first colour of the same hue, from `color` towards lightness `towards` (0 or 1), that
    reaches AA on the ground."""
    hue, start, saturation = rgb_to_hls(*(channel / 255 for channel in color))
    for step in range(_STEPS + 1):
        lightness = start + (towards - start) * step / _STEPS
        red, green, blue = hls_to_rgb(hue, lightness, saturation)
        found = round(red * 255), round(green * 255), round(blue * 255)
        if contrast(found, ground) >= AA:
            return found
    raise AssertionError("black and white reach it on these grounds")


@lru_cache(maxsize=512)
def readable(color: str) -> Accent:
    """The three colours made of "#rrggbb". Raises ValueError for anything else."""
    wanted = parse(color)
    accent = _moved(wanted, _SOFT, towards=0)
    dark = _moved(wanted, _DARK_SOFT, towards=1)
    on_accent = WHITE if contrast(WHITE, accent) >= AA else INK
    return Accent(_hex(accent), _hex(on_accent), _hex(dark))
