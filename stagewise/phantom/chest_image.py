"""A planned chest film drawn: what the beam passes adds up, and becomes grey.

Drawn on half the film's side, as nothing in a film is sharper, then enlarged; the noise has the film's own pixels.
Thickness is in units of which soft tissue amid the body takes about one; all its shares are ours, by eye.
"""

from dataclasses import replace

import cv2
import numpy as np

from stagewise.phantom.chest_canvas import Canvas
from stagewise.phantom.chest_film import Film
from stagewise.phantom.chest_plan import Plan

LEAST_DRAWN = 512  # pixels a side: on fewer, lines of a pixel would be too wide


def draw_image(plan: Plan, side: int, seed: int, index: int) -> np.ndarray:
    """The film: (side, side) float32 of 0-1, 1 is white (MONOCHROME2)."""
    drawn, rng = max(side // 2, LEAST_DRAWN), np.random.default_rng([seed, 6, index])
    grey = Drawing(plan, drawn, rng).grey()
    if plan.pockets:
        without = Drawing(replace(plan, pockets=()), drawn, np.random.default_rng([seed, 6, index])).grey()
        grey = with_levels_of(without, grey)
    grey = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA if side < drawn else cv2.INTER_CUBIC)
    noise = rng.standard_normal((side, side), dtype=np.float32)
    # quanta: bright is where few of them arrive
    grey += noise * (plan.film.noise * np.sqrt(0.25 + np.clip(grey, 0, 1)))
    grey = cv2.GaussianBlur(grey, (0, 0), max(plan.film.blur * side / 1024, 0.3))
    return np.clip(_bordered(grey, plan.film), 0, 1)


def with_levels_of(other: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """The picture whose order of pixels is that of `grey`, and whose grey levels, each as often, are the other's.

    A film with air has the levels of the same film without, as if its exposure had been set by them: its histogram
    tells nothing of the answer.
    """
    levels = np.empty(grey.size, grey.dtype)
    levels[np.argsort(grey, axis=None, kind="stable")] = np.sort(other, axis=None)
    return levels.reshape(grey.shape)


def _bordered(grey: np.ndarray, film: Film) -> np.ndarray:
    side = len(grey)
    left, top, right, bottom = (round(width * side) for width in film.border)
    inside = np.s_[top : side - bottom, left : side - right]
    framed = np.full_like(grey, film.border_grey)
    framed[inside] = grey[inside]
    return framed


class Drawing(Canvas):
    """One film at the drawing's side."""

    def __init__(self, plan: Plan, side: int, rng: np.random.Generator) -> None:
        super().__init__(side, rng)
        self.plan, self.chest, self.film = plan, plan.chest, plan.film
        self.air = self.filled(pocket.outline for pocket in plan.pockets)

    def grey(self) -> np.ndarray:
        """(side, side) float32, before noise."""
        body, belly = self.area([self.chest.body], 0.004), self.belly()
        thick = self.flesh(body, belly) + self.bones() * self.film.rib_contrast * (1 - 0.65 * belly) + self.lines()
        thick = thick * np.minimum(body * 1.5, 1) - 0.5 * (1 - body)
        level = self.film.lung + (self.film.body - self.film.lung) * thick
        over = np.maximum(level - self.film.body, 0)
        level += (1 - self.film.body) * np.tanh(1.6 * over) - over  # white is the end
        return self._marked(np.maximum(level, 0.01) ** self.film.gamma)

    def flesh(self, body: np.ndarray, belly: np.ndarray) -> np.ndarray:
        """All but bones: the body's own thickness, less the air of lungs, windpipe and stomach."""
        chest, film = self.chest, self.film
        heart, inner = self.area([chest.heart], 0.003), self.area([chest.heart], 0.04)
        middle = self.spot((chest.spine.centreline[:, 0].mean(), 0.6), (0.14, 0.6))
        thick = body * (0.25 + 0.38 * self.area([chest.body], 0.06) + 0.24 * middle + self.ramp(*film.slope))
        thick -= self.lung_depth() * (1 - 0.45 * heart - 0.25 * inner) * 0.6
        thick += (0.05 + 0.22 * inner) * heart * (1 - 0.85 * belly) + 0.24 * belly
        thick -= 0.2 * self.spot(chest.stomach[:2], chest.stomach[2:]) + 0.16 * self.bands(
            chest.windpipe, 0, 255, 0.003
        )
        thick += 0.07 * film.fat * self.area(chest.breasts, 0.009) + film.fat * self.clouds(5, 0.03)
        return thick + self.lung_inside() * self.lung_marks() * (1 - 0.6 * heart) + self.clouds(200, 0.008)

    def lung_depth(self) -> np.ndarray:
        """How much air the beam passes, 0-1: little at the lung's edge, more amid it, most without lung."""
        outlines = [lung.outline for lung in self.chest.lungs]
        mask = self.filled(outlines)
        depth = np.minimum(cv2.distanceTransform(mask // 128, cv2.DIST_L2, 5) / np.float32(0.075 * self.side), 1)
        dome = 0.55 * (1 - (1 - depth) ** 2) + 0.45 * self.soft(mask, 0.003)
        return dome * (0.9 + 0.65 * self.soft(self.air, 0.0015) + 0.45 * self.area(self.plan.lookalikes.dark, 0.015))

    def lung_inside(self) -> np.ndarray:
        """Where the beam passes lung that has vessels, 0-1."""
        mask = cv2.subtract(self.filled(lung.outline for lung in self.chest.lungs), self.air)
        return self.soft(mask, 0.0012) * (1 - self.area(self.plan.lookalikes.bare, 0.015))

    def lung_marks(self) -> np.ndarray:
        """Vessels, the hila, and the mottle of vessels too thin to be told apart."""
        canvas = np.zeros((self.side, self.side), np.uint8)
        for points, widths in self.plan.vessels:
            for place in range(0, len(points) - 1, 2):
                width = float(widths[place]) * 512
                self.stroke(canvas, points[place : place + 3], round(min(max(50 * width + 10, 28), 220)), width)
        hila = sum(self.spot(lung.hilum, (0.028, 0.06)) for lung in self.chest.lungs)
        mottle = self.clouds(90, 0.03) + self.clouds(36, 0.028) + self.clouds(10, 0.015)
        return self.soft(canvas, 0.0016) * 0.3 * self.film.vessel_contrast + 0.12 * hila + mottle

    def belly(self) -> np.ndarray:
        """Below the domes, 0-1: a sharp edge there, soft ones at the flanks."""
        right, left = (lung.diaphragm for lung in self.chest.lungs)
        corners = np.array([(0.02, 0.1), (0.06, 0.6)])
        flanks = [left[0] + corners, right[0] + corners[::-1] * (-1, 1)]
        below = np.array([(1.3, 0.9), (1.3, 1.3), (-0.3, 1.3), (-0.3, 0.9)])
        domes = np.concatenate([right, left[::-1]])
        return self.area([np.concatenate([domes, *flanks])], 0.03) * self.area([np.concatenate([domes, below])], 0.005)

    def bones(self) -> np.ndarray:
        """Spine, ribs, collar bones and shoulder blades."""
        chest = self.chest
        spine = 0.14 * self.bands([chest.spine], 150, 110, 0.006) - 0.07 * self.bands(chest.discs, 0, 255, 0.003)
        ribs = 0.2 * self.bands(chest.back_ribs, 200, 110, 0.0016) + 0.15 * self.bands(chest.front_ribs, 130, 90, 0.002)
        blades = cv2.add(self.filled(chest.shoulder_blades) // 3, self.strokes(chest.shoulder_blades, 150, 1))
        return spine + ribs + 0.2 * self.bands(chest.collar_bones, 190, 130, 0.0018) + 0.13 * self.soft(blades, 0.003)

    def lines(self) -> np.ndarray:
        """The lung's edge where air lies beside it, lines that look like it, and folds of skin."""
        edges = [*(pocket.edge for pocket in self.plan.pockets), *self.plan.lookalikes.lines]
        folds = np.zeros((self.side, self.side), np.uint8)
        for fold in self.plan.lookalikes.folds:
            inwards = np.array((np.sign(0.5 - fold[:, 0].mean()), 0)) / 400
            for step in range(24, -1, -1):  # a sharp step that fades to one side; from its faint end on
                self.stroke(folds, fold + step * inwards, 250 - 10 * step, 2)
        return 0.3 * self.soft(self.strokes(edges, 255, 1), 0.0012) + 0.12 * self.soft(folds, 0.002)

    def _marked(self, grey: np.ndarray) -> np.ndarray:
        """With tubes, electrodes and the marker, which are bright."""
        film, unit = self.film, self.side / 512
        tubes = 0.1 * self.soft(self.strokes(film.tubes, 255, 2), 0.0012)
        metal = np.zeros((self.side, self.side), np.uint8)
        for place in film.electrodes:
            centre = tuple(int(part * self.side) for part in place)
            cv2.circle(metal, centre, round(5 * unit), 255, round(2 * unit), cv2.LINE_AA)
        place = tuple(int(part * self.side) for part in film.marker_place)
        cv2.putText(metal, film.marker, place, cv2.FONT_HERSHEY_SIMPLEX, unit, 230, round(2 * unit), cv2.LINE_AA)
        return np.maximum(np.minimum(grey + tubes, 1), 0.97 * self.soft(metal, 0.0012))
