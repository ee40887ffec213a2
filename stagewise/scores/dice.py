"""Dice of masks, an image at a time, as the pneumothorax competition counts it."""

import numpy as np

EPSILON = 1e-6  # the winner's: makes empty against empty 1, and anything against empty all but 0


def dice_of_counts(truth: np.ndarray, answer: np.ndarray, common: np.ndarray) -> np.ndarray:
    """Dice from pixels inside the true mask, inside the answer and inside both, of shapes that broadcast; float64."""
    return (2 * np.asarray(common, np.float64) + EPSILON) / (np.asarray(truth, np.float64) + answer + EPSILON)


def dice(truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Dice of each image: 1 where both masks are empty, 1e-6 or less where one of them is.

    truth, answer: (..., H, W) bool, or numbers of which 0 alone is outside. Returns: (...) float64. A score of many
    images is the mean of these, and not of batches' means, in which an image of a small last batch would count more.
    """
    inside, answered = np.not_equal(truth, 0), np.not_equal(answer, 0)
    if inside.shape != answered.shape:
        raise ValueError(f"an answer of {answered.shape} does not lie on a mask of {inside.shape}")
    counted = [np.count_nonzero(mask, axis=(-2, -1)) for mask in (inside, answered, inside & answered)]
    return dice_of_counts(*counted)
