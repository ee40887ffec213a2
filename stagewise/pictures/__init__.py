"""Pictures for the eye: letters of all scripts, panes, mp4s and GIFs."""
