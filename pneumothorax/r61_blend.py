"""Blend the experiments' probabilities into one submission, by a rule that is chosen on their blend out of fold.

    python pneumothorax/r61_blend.py                                        all that are trained, equally
    python pneumothorax/r61_blend.py --weights albunet_public=0.4,seunet=0.6
    python pneumothorax/r61_blend.py --blend blend_1                        the winner's weights, rule and least outline
    python pneumothorax/r61_blend.py --blend blend_1 --rule oof             by the rule chosen out of fold

Reads:  modified_data/xrays/<stage>_oof/ (r41) and <stage>_test/ (r42) of each experiment's last part, masks of training
Writes: subm/pneumothorax/submission.csv and answers.json
Time:   10 images a second and experiment
Expect: Dice of the blend out of fold, by the triplet, the doublet and a plain threshold
"""

import stagewise.first_line  # noqa: F401  from here on, Ctrl-C shows no traceback

from stagewise.console import cli
from stagewise.masks.blending import blend_experiments
from stagewise.recipes.pneumothorax import EXPERIMENTS


def main() -> None:
    """Blend what the command line asks for."""
    blend_experiments(EXPERIMENTS, __doc__)


if __name__ == "__main__":
    cli.run(main)
