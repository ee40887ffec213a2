"""Phantom competition data: outlined clips of capillaries whose red cells move (flowing) or stay (stalled).

`clip` plans and writes one clip, `dataset` a whole competition; `anatomy`, `flow`, `imaging` and `video` are
what they are made of.
"""
