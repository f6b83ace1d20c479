"""Ten kinds of garment, drawn with NumPy: the pictures behind `DrawnFashion`.

Every function draws a whole stack of pictures at once from one random generator. Only +, -, *, /, square
root, comparisons and uniform numbers are used, on purpose: those are exact in IEEE arithmetic, so a seed
gives the same bytes on every machine (sine and exponential differ in the last bit between processors).

Coordinates: x runs from -1 (left) to 1, y from -1 (top) to 1, in the garment's own frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

SIDE = 28
_SOFTNESS = np.float32(SIDE / 2)  # one pixel is 2 / SIDE wide: an edge fades over one pixel

Number: TypeAlias = "float | np.ndarray"


class Canvas:
    """`count` pictures that are drawn together. Per-picture numbers have shape (count, 1, 1)."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self.count, self.rng = count, rng
        grid = (np.arange(SIDE, dtype=np.float32) * 2 + 1) / SIDE - 1
        across, down = grid[None, None, :], grid[None, :, None]
        scale_x, scale_y = self.uniform(0.88, 1.1), self.uniform(0.88, 1.1)
        y = (down - self.uniform(-0.07, 0.07)) / scale_y
        x = (across - self.uniform(-0.07, 0.07)) / scale_x - self.around(0.08) * down
        self.y = y + self.around(0.05) * across
        self.x = x
        self.ink = np.zeros((count, SIDE, SIDE), np.float32)

    # ---- random numbers, one per picture -------------------------------------------------------------------

    def uniform(self, low: float, high: float) -> np.ndarray:
        drawn = self.rng.random((self.count, 1, 1), dtype=np.float32)
        return np.float32(low) + np.float32(high - low) * drawn

    def around(self, spread: float) -> np.ndarray:
        """Mostly near zero, at most `spread` away: a triangular distribution."""
        return (self.uniform(-1, 1) + self.uniform(-1, 1)) * np.float32(spread / 2)

    def chance(self, probability: float) -> np.ndarray:
        """1 in that part of the pictures, 0 in the others."""
        return (self.uniform(0, 1) < probability).astype(np.float32)

    def either(self, probability: float, one: Number, other: Number) -> np.ndarray:
        return np.where(self.chance(probability) > 0, one, other).astype(np.float32)

    # ---- shapes: masks from 0 (outside) to 1 (inside) ------------------------------------------------------

    def curve(self, at: np.ndarray, places: Sequence[Number], values: Sequence[Number]) -> np.ndarray:
        """The broken line through (place, value), constant beyond its ends."""
        result = np.asarray(values[0], np.float32)
        for k in range(1, len(places)):
            step = (at - places[k - 1]) / (np.asarray(places[k], np.float32) - places[k - 1])
            result = result + np.clip(step, 0, 1) * (np.asarray(values[k], np.float32) - values[k - 1])
        return result

    def upright(
        self, places: Sequence[Number], widths: Sequence[Number], x: np.ndarray | None = None
    ) -> np.ndarray:
        """A shape symmetric about x = 0 whose half width follows a curve in y."""
        x = np.abs(self.x) if x is None else x
        inside = np.minimum(self.curve(self.y, places, widths) - x, self.y - places[0])
        return soft(np.minimum(inside, places[-1] - self.y))

    def rod(
        self,
        ax: Number,
        ay: Number,
        bx: Number,
        by: Number,
        ra: Number,
        rb: Number,
        mirrored: bool = False,
        pointed: bool = False,
    ) -> np.ndarray:
        """A straight limb from a to b, of half width ra at a and rb at b; `pointed` cuts its ends square."""
        x = np.abs(self.x) if mirrored else self.x
        dx, dy = np.asarray(bx - ax, np.float32), np.asarray(by - ay, np.float32)
        length = dx * dx + dy * dy
        along = ((x - ax) * dx + (self.y - ay) * dy) / length
        part = np.clip(along, 0, 1)
        off_x, off_y = x - ax - part * dx, self.y - ay - part * dy
        inside = ra + part * (np.asarray(rb, np.float32) - ra) - np.sqrt(off_x * off_x + off_y * off_y)
        if pointed:
            inside = np.minimum(inside, np.minimum(along, 1 - along) * np.sqrt(length))
        return soft(inside)

    def ellipse(self, cx: Number, cy: Number, rx: Number, ry: Number) -> np.ndarray:
        dx, dy = (self.x - cx) / rx, (self.y - cy) / ry
        return soft(
            (1 - np.sqrt(dx * dx + dy * dy))
            * np.minimum(np.asarray(rx, np.float32), np.asarray(ry, np.float32))
        )

    def box(self, cx: Number, cy: Number, rx: Number, ry: Number, corner: Number = 0.0) -> np.ndarray:
        """A rectangle with cut corners of size `corner`."""
        dx, dy = np.abs(self.x - cx), np.abs(self.y - cy)
        inside = np.minimum(rx - dx, ry - dy)
        return soft(np.minimum(inside, (rx + ry - corner - dx - dy) * np.float32(0.7)))

    # ---- paint ---------------------------------------------------------------------------------------------

    def paint(self, mask: np.ndarray, shade: Number) -> None:
        self.ink += mask * (shade - self.ink)

    def shadow(self, mask: np.ndarray, strength: Number) -> None:
        """Darken (strength > 0) or lighten (< 0) what is painted already."""
        self.ink *= 1 - mask * strength

    def weave(self, mask: np.ndarray | None = None) -> None:
        """Stripes, checks or plain cloth: a pattern on what is painted already."""
        period = self.uniform(0.14, 0.5)
        across = wave(self.x / period + self.uniform(0, 1))
        down = wave(self.y / period + self.uniform(0, 1))
        kind = self.uniform(0, 1)
        pattern = np.where(kind < 0.2, down, np.where(kind < 0.32, across, np.float32(0.5) * (across + down)))
        strength = np.where(kind < 0.44, self.uniform(0.15, 0.75), np.float32(0))
        self.shadow(pattern if mask is None else pattern * mask, strength)

    def finish(self) -> np.ndarray:
        """Folds, light from the side, grain; as uint8 of shape (count, 28, 28)."""
        folds = self.smooth_noise(6) * self.uniform(0.1, 0.55)
        light = 1 + self.x * self.around(0.35)
        grain = (self.rng.random(self.ink.shape, dtype=np.float32) - np.float32(0.5)) * self.uniform(
            0.05, 0.28
        )
        picture = self.ink * (light - folds + grain)
        return (np.clip(picture, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)

    def smooth_noise(self, cells: int) -> np.ndarray:
        """Clouds between 0 and 1: random values on a coarse grid, joined linearly."""
        corners = self.rng.random((self.count, cells + 1, cells + 1), dtype=np.float32)
        place = (np.arange(SIDE, dtype=np.float32) + np.float32(0.5)) * np.float32(cells) / SIDE
        low = place.astype(np.intp)
        part = place - low
        rows = corners[:, low] + part[None, :, None] * (corners[:, low + 1] - corners[:, low])
        return rows[:, :, low] + part * (rows[:, :, low + 1] - rows[:, :, low])


def soft(inside: np.ndarray) -> np.ndarray:
    """A signed distance from the edge (positive inside) as coverage of the pixel."""
    return np.clip(inside * _SOFTNESS + np.float32(0.5), 0, 1)


def wave(t: np.ndarray) -> np.ndarray:
    """A rounded square wave of period 1 between 0 and 1."""
    tooth = np.abs((t - np.floor(t)) * 2 - 1)
    return np.clip(tooth * 3 - 1, 0, 1)


# ---- upper garments --------------------------------------------------------------------------------------


class Torso:
    """What tops, pullovers, coats, shirts share: measures, sleeves, body, neck."""

    def __init__(self, c: Canvas, hem: tuple[float, float], width: tuple[float, float]) -> None:
        self.c = c
        self.top = -0.86 + c.around(0.06)
        self.hem = c.uniform(*hem)
        self.shoulder = c.uniform(*width)
        self.waist = self.shoulder * c.uniform(0.82, 1.0)
        self.bottom = self.waist * c.uniform(0.92, 1.18)
        self.neck = c.uniform(0.15, 0.24)
        self.shade = c.uniform(0.28, 1.0)

    def sleeves(self, length: Number, spread: Number, thick: Number, cuff: Number) -> np.ndarray:
        """Both sleeves: `length` down from the shoulder, `spread` outwards."""
        x, y = self.shoulder - thick * np.float32(0.8), self.top + np.float32(0.16) + thick * np.float32(0.3)
        return self.c.rod(x, y, x + spread, y + length, thick, cuff, mirrored=True, pointed=False)

    def body(self) -> np.ndarray:
        middle = self.top + (self.hem - self.top) * np.float32(0.55)
        places = [self.top, self.top + np.float32(0.17), middle, self.hem]
        return self.c.upright(places, [self.neck + np.float32(0.04), self.shoulder, self.waist, self.bottom])

    def cut_neck(self, depth: Number) -> None:
        self.c.paint(self.c.ellipse(0.0, self.top - np.float32(0.02), self.neck, depth), 0.0)

    def cut_v(self, depth: Number, width: Number) -> None:
        inside = (depth - (self.c.y - self.top)) * width / depth - np.abs(self.c.x)
        self.c.paint(soft(inside), 0.0)


def _top(c: Canvas) -> None:
    t = Torso(c, (0.55, 0.9), (0.4, 0.56))
    sleeve = c.uniform(0.2, 0.62)
    thick = c.uniform(0.14, 0.22)
    bare = 1 - c.chance(0.12)
    c.paint(
        t.sleeves(sleeve, c.uniform(0.18, 0.42), thick, thick * c.uniform(0.8, 1.05)) * bare,
        t.shade * c.uniform(0.85, 1.0),
    )
    c.paint(t.body(), t.shade)
    c.weave()
    c.paint(
        c.box(c.around(0.1), c.uniform(-0.3, 0.1), c.uniform(0.1, 0.3), c.uniform(0.08, 0.3)) * c.chance(0.3),
        c.uniform(0.1, 1.0),
    )
    # a few are buttoned half-way down: polo shirts, which look like the class Shirt
    c.shadow(c.box(0.0, t.top + 0.3, 0.03, 0.28) * c.chance(0.12), 0.6)
    round_neck = c.chance(0.75)
    t.cut_neck(c.uniform(0.06, 0.24) * round_neck + np.float32(0.02))
    t.cut_v(c.uniform(0.2, 0.5) * (1 - round_neck) + np.float32(0.02), t.neck)


def _pullover(c: Canvas) -> None:
    t = Torso(c, (0.55, 0.92), (0.42, 0.56))
    thick = c.uniform(0.15, 0.21)
    c.paint(
        t.sleeves(c.uniform(0.95, 1.4), c.uniform(0.06, 0.34), thick, thick * c.uniform(0.6, 0.9)),
        t.shade * c.uniform(0.78, 1.0),
    )
    c.paint(t.body(), t.shade)
    c.weave()
    c.shadow(wave(c.y * c.uniform(5, 7)) * c.chance(0.4), c.uniform(0.08, 0.3))
    c.shadow(soft(c.y - t.hem + c.uniform(0.08, 0.18)), c.uniform(0.05, 0.4))
    c.shadow(c.box(0.0, 0.0, 0.025, 1.0) * c.chance(0.08), c.uniform(0.3, 0.7))  # a zip, as on a coat
    c.paint(c.box(0.0, t.top, t.neck, c.uniform(0.05, 0.1)) * c.chance(0.3), t.shade * c.uniform(0.6, 1.1))
    v_neck = c.chance(0.2)
    t.cut_v(c.uniform(0.2, 0.45) * v_neck + np.float32(0.02), t.neck)
    t.cut_neck(c.uniform(0.05, 0.16) * (1 - v_neck) * c.chance(0.8) + np.float32(0.02))


def _coat(c: Canvas) -> None:
    t = Torso(c, (0.72, 0.98), (0.42, 0.58))
    t.bottom = t.waist * c.uniform(1.0, 1.3)
    thick = c.uniform(0.15, 0.22)
    c.paint(
        t.sleeves(c.uniform(1.0, 1.45), c.uniform(0.08, 0.34), thick, thick * c.uniform(0.68, 0.98)),
        t.shade * c.uniform(0.75, 1.0),
    )
    c.paint(t.body(), t.shade)
    c.weave(c.chance(0.5))
    c.shadow(c.box(c.around(0.1), 0.1, c.uniform(0.015, 0.05), 1.0) * c.chance(0.88), c.uniform(0.35, 0.95))
    pocket_y = c.uniform(0.1, 0.45)
    c.shadow(
        c.rod(0.2, pocket_y, 0.33, pocket_y + c.around(0.1), 0.03, 0.03, mirrored=True) * c.chance(0.55),
        c.uniform(0.3, 0.8),
    )
    c.shadow(c.box(0.0, c.uniform(-0.1, 0.2), 1.0, 0.05) * c.chance(0.25), c.uniform(0.3, 0.8))
    lapel = c.chance(0.6)
    drop = c.uniform(0.35, 0.8)
    c.paint(
        c.rod(t.neck, t.top + 0.05, 0.05, t.top + drop, 0.09, 0.03, mirrored=True) * lapel,
        t.shade * c.uniform(0.6, 1.3),
    )
    c.paint(
        c.ellipse(0.0, t.top + 0.04, t.neck + 0.08, 0.15) * (1 - lapel) * c.chance(0.5),
        t.shade * c.uniform(0.6, 0.95),
    )
    t.cut_v(drop * lapel * np.float32(0.6) + np.float32(0.03), t.neck * np.float32(0.6))


def _shirt(c: Canvas) -> None:
    t = Torso(c, (0.6, 0.94), (0.4, 0.56))
    thick = c.uniform(0.14, 0.2)
    long = c.chance(0.68)
    length = long * c.uniform(0.9, 1.4) + (1 - long) * c.uniform(0.3, 0.62)
    c.paint(
        t.sleeves(length, c.uniform(0.1, 0.36), thick, thick * c.uniform(0.6, 0.98)),
        t.shade * c.uniform(0.8, 1.0),
    )
    c.paint(t.body(), t.shade)
    c.weave()
    buttoned = c.chance(0.82)
    c.shadow(c.box(0.0, 0.1, 0.035, 1.0) * buttoned, c.uniform(0.12, 0.5))
    c.shadow(c.box(0.0, 0.1, 0.035, 1.0) * wave(c.y * c.uniform(3.0, 4.5)) * buttoned, c.uniform(0.2, 0.7))
    c.shadow(c.box(0.22, -0.25, 0.1, 0.11) * c.chance(0.3), c.uniform(0.1, 0.4))
    collar = c.chance(0.8)
    c.paint(
        c.rod(t.neck, t.top - 0.02, 0.06, t.top + c.uniform(0.16, 0.3), 0.08, 0.05, mirrored=True) * collar,
        t.shade * c.uniform(0.8, 1.35),
    )
    t.cut_v(c.uniform(0.1, 0.3), t.neck * np.float32(0.7))


def _dress(c: Canvas) -> None:
    top = -0.92 + c.around(0.05)
    shade = c.uniform(0.28, 1.0)
    shoulder, waist = c.uniform(0.2, 0.36), c.uniform(0.17, 0.29)
    waist_y, hem = c.uniform(-0.3, 0.05), c.uniform(0.75, 0.98)
    flare = waist * c.either(0.6, c.uniform(1.3, 2.3), c.uniform(1.0, 1.3))
    sleeved = c.chance(0.45)
    length = c.either(0.35, c.uniform(0.75, 1.15), c.uniform(0.12, 0.45))
    c.paint(
        c.rod(
            shoulder - 0.1,
            top + 0.18,
            shoulder + c.uniform(0.0, 0.2),
            top + 0.18 + length,
            0.12,
            0.09,
            mirrored=True,
        )
        * sleeved,
        shade * c.uniform(0.8, 1.0),
    )
    places = [top, top + np.float32(0.15), waist_y, hem]
    c.paint(c.upright(places, [shoulder * np.float32(0.8), shoulder, waist, flare]), shade)
    c.weave()
    c.shadow(c.box(0.0, waist_y, 1.0, c.uniform(0.03, 0.08)) * c.chance(0.35), c.uniform(-0.4, 0.7))
    c.shadow(c.box(0.0, 0.0, 0.03, 1.0) * c.chance(0.1), c.uniform(0.3, 0.7))
    c.paint(c.ellipse(0.0, top, shoulder * np.float32(0.6), c.uniform(0.08, 0.35)), 0.0)


def _trouser(c: Canvas) -> None:
    top, hem = -0.9 + c.around(0.06), c.uniform(0.72, 0.97)
    hip, shade = c.uniform(0.24, 0.38), c.uniform(0.28, 1.0)
    crotch = top + c.uniform(0.42, 0.68)
    thigh = hip * np.float32(0.5)
    ankle = thigh * c.uniform(0.5, 1.05)
    spread = thigh + c.uniform(0.0, 0.14)
    centre = c.curve(c.y, [crotch, hem], [thigh, spread])
    half = c.curve(c.y, [crotch, hem], [thigh, ankle]) - c.uniform(0.0, 0.03)
    inside = np.minimum(half - np.abs(np.abs(c.x) - centre), hem - c.y)
    c.paint(soft(np.minimum(inside, c.y - crotch)), shade)
    c.paint(c.upright([top, crotch, crotch + 0.12], [hip * c.uniform(0.7, 0.95), hip, hip]), shade)
    c.weave(c.chance(0.4))
    c.shadow(c.box(0.0, top, 1.0, c.uniform(0.05, 0.12)), c.uniform(0.0, 0.5))
    c.shadow(c.box(0.0, crotch - 0.1, 0.02, 0.25), c.uniform(0.0, 0.5))
    c.shadow(soft(np.float32(0.06) - np.abs(np.abs(c.x) - centre)), c.around(0.3))


# ---- shoes: seen from the side, the toe on the left ------------------------------------------------------


def _sole(c: Canvas, ground: Number, thick: Number, heel: Number, toe: Number) -> np.ndarray:
    """A sole from x = toe on; `heel` lifts the back of the foot. Returns its upper edge."""
    lift = c.curve(c.x, [-0.25, 0.5], [0.0, heel])
    upper = ground - lift - thick
    inside = np.minimum(np.minimum(c.y - upper, ground - lift - c.y), np.minimum(c.x - toe, 0.88 - c.x))
    c.paint(soft(inside), c.uniform(0.25, 1.0))
    # the heel: a block below the lifted back
    block = np.minimum(
        np.minimum(c.x - c.uniform(0.4, 0.72), 0.86 - c.x), np.minimum(c.y - upper, ground - c.y)
    )
    c.paint(soft(block) * (heel > 0.05), c.uniform(0.25, 0.9))
    return upper


def _flip_some(c: Canvas, probability: float) -> None:
    c.x = c.x * (1 - 2 * c.chance(probability))


def _sandal(c: Canvas) -> None:
    _flip_some(c, 0.04)
    ground, heel = c.uniform(0.3, 0.72), c.either(0.45, c.uniform(0.25, 0.75), c.uniform(0.0, 0.1))
    toe = -0.9 + c.around(0.06)
    edge = _sole(c, ground, c.uniform(0.06, 0.2), heel, toe)
    back = ground - heel
    shade = c.uniform(0.3, 1.0)
    for _ in range(3):  # straps over the foot
        foot, lean, high = c.uniform(-0.75, 0.2), c.uniform(0.0, 0.6), c.uniform(0.15, 0.5)
        foot_y = ground - np.clip((foot + 0.25) / 0.75, 0, 1) * heel - np.float32(0.1)
        strap = c.rod(foot, foot_y, foot + lean, foot_y - high, c.uniform(0.06, 0.14), c.uniform(0.04, 0.12))
        c.paint(strap * c.chance(0.75) * soft(edge + np.float32(0.1) - c.y), shade)
    ring = c.uniform(0.25, 0.65)
    outer = c.ellipse(0.55, back - ring, 0.32, 0.13) - c.ellipse(0.55, back - ring, 0.25, 0.06)
    ankle = c.chance(0.5)
    c.paint(np.clip(outer, 0, 1) * ankle, shade)
    c.paint(c.rod(0.8, back - 0.1, 0.8, back - ring, 0.05, 0.04) * ankle, shade)
    # closed toe or a broad band, as a slipper has
    band = c.rod(-0.7, ground - 0.1, c.uniform(-0.5, -0.1), ground - c.uniform(0.3, 0.5), 0.16, 0.12)
    c.paint(band * c.chance(0.3), shade * c.uniform(0.7, 1.0))


def _upper(c: Canvas, edge: np.ndarray, places: Sequence[Number], heights: Sequence[Number]) -> np.ndarray:
    """The shoe's body: from the sole up to a curve in x."""
    roof = edge - c.curve(c.x, places, heights)
    inside = np.minimum(np.minimum(c.y - roof, edge + 0.03 - c.y), np.minimum(c.x - places[0], 0.87 - c.x))
    return soft(inside)


def _sneaker(c: Canvas) -> None:
    _flip_some(c, 0.04)
    ground, toe = c.uniform(0.32, 0.6), -0.92 + c.around(0.05)
    edge = _sole(c, ground, c.uniform(0.08, 0.22), c.either(0.1, 0.16, 0.0), toe)
    shade = c.uniform(0.3, 1.0)
    instep = c.uniform(0.42, 0.68)
    low = instep * c.uniform(0.6, 0.95)
    high = low + c.either(0.16, c.uniform(0.2, 0.5), c.uniform(0.0, 0.16))
    places: list[Number] = [toe, -0.55, c.around(0.12), 0.45, 0.85]
    c.paint(_upper(c, edge, places, [0.1, c.uniform(0.22, 0.34), instep, low, high]), shade)
    c.weave(c.chance(0.3))
    lean = c.uniform(0.2, 0.7)
    stripes = wave((c.x + c.y * lean) * c.uniform(3, 6)) * c.box(
        c.uniform(-0.3, 0.1), ground - 0.35, 0.28, 0.2
    )
    c.shadow(stripes * c.chance(0.6), c.uniform(-0.6, 0.8))
    c.shadow(
        c.rod(-0.5, ground - 0.42, 0.05, ground - 0.75, 0.06, 0.06) * c.chance(0.5), c.uniform(-0.4, 0.6)
    )
    c.shadow(c.ellipse(0.5, ground - low - 0.25, 0.3, 0.1), c.uniform(0.2, 0.9))


def _boot(c: Canvas) -> None:
    _flip_some(c, 0.04)
    ground, toe = c.uniform(0.68, 0.88), -0.9 + c.around(0.06)
    heel = c.either(0.4, c.uniform(0.1, 0.4), 0.0)
    edge = _sole(c, ground, c.uniform(0.06, 0.18), heel, toe)
    shade = c.uniform(0.3, 1.0)
    shaft = c.either(0.14, c.uniform(0.6, 0.85), c.uniform(0.85, 1.45)) - heel * np.float32(0.6)
    front = c.uniform(-0.15, 0.25)
    places = [toe, -0.5, front - c.uniform(0.08, 0.3), front + 0.06, 0.86]
    c.paint(
        _upper(
            c,
            edge,
            places,
            [0.12, c.uniform(0.25, 0.4), c.uniform(0.45, 0.62), shaft, shaft + c.around(0.08)],
        ),
        shade,
    )
    c.weave(c.chance(0.2))
    c.shadow(
        soft(np.float32(0.05) - np.abs(c.y - ground + shaft * c.uniform(0.5, 1.0))) * c.chance(0.4),
        c.uniform(0.2, 0.7),
    )
    c.shadow(
        c.rod(front, ground - 0.5, front + 0.1, ground - 1.1, 0.05, 0.05) * c.chance(0.5),
        c.uniform(-0.4, 0.6),
    )
    c.shadow(c.box(0.55, 0.2, 0.025, 0.6) * c.chance(0.25), c.uniform(0.3, 0.8))


def _bag(c: Canvas) -> None:
    shade = c.uniform(0.28, 1.0)
    half, height = c.uniform(0.5, 0.9), c.uniform(0.28, 0.62)
    middle = c.uniform(0.1, 0.42)
    top = middle - height
    grip, rise = half * c.uniform(0.4, 0.95), c.uniform(0.2, 0.75)
    thick = c.uniform(0.04, 0.09)
    ring = c.ellipse(0.0, top, grip, rise) - c.ellipse(0.0, top, grip - thick, rise - thick)
    c.paint(np.clip(ring, 0, 1) * soft(top - c.y + 0.05) * c.chance(0.85), shade * c.uniform(0.6, 1.1))
    taper = 1 + (c.y - middle) * c.around(0.35)
    inside = np.minimum(half * taper - np.abs(c.x), height - np.abs(c.y - middle))
    corner = c.uniform(0.02, 0.3)
    inside = np.minimum(
        inside, (half + height - corner - np.abs(c.x) - np.abs(c.y - middle)) * np.float32(0.7)
    )
    c.paint(soft(inside), shade)
    c.weave(c.chance(0.6))
    flap = top + c.uniform(0.2, 0.9) * height
    c.shadow(soft(flap - c.y) * c.chance(0.45), c.uniform(-0.4, 0.5))
    c.shadow(soft(np.float32(0.04) - np.abs(c.y - flap)) * c.chance(0.6), c.uniform(0.2, 0.8))
    c.paint(c.box(c.around(0.1), flap, 0.08, 0.08) * c.chance(0.5), c.uniform(0.0, 1.0))


CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
_DRAWERS: list[Callable[[Canvas], None]] = [
    _top, _trouser, _pullover, _dress, _coat, _sandal, _shirt, _sneaker, _bag, _boot,
]  # fmt: skip

_CHUNK = 16  # pictures drawn together: larger arrays would be fresh memory from the system each time


def draw(label: int, count: int, seed: Sequence[int]) -> np.ndarray:
    """`count` pictures of class `label` (uint8, shape (count, 28, 28)); the same `seed`, the same bytes."""
    rng = np.random.Generator(np.random.PCG64([*seed, label]))
    canvas = Canvas(count, rng)
    _DRAWERS[label](canvas)
    return canvas.finish()


def draw_all(size: int, seed: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """`size` pictures in random order, as many of each class as possible, and their labels (int64)."""
    order = np.random.Generator(np.random.PCG64([*seed, size])).random(size).argsort(kind="stable")
    labels = (order % len(CLASSES)).astype(np.int64)
    pictures = np.empty((size, SIDE, SIDE), np.uint8)
    for label in range(len(CLASSES)):
        places = np.flatnonzero(labels == label)
        for start in range(0, len(places), _CHUNK):
            part = places[start : start + _CHUNK]
            pictures[part] = draw(label, len(part), [*seed, start])
    return pictures, labels
