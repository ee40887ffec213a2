"""Phantom competition data: outlined clips of capillaries whose red cells move (flowing) or stay (stalled).

`clip` plans one clip, `rendering` makes and writes its frames, `dataset` and `tables` make a whole competition;
`anatomy`, `flow`, `imaging` and `video` are what a clip is made of, `appearance` is what must not matter in it.
"""
