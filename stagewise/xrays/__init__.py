"""Chest X-rays: DICOM files and tables of run lengths in, checked images, masks and splits out."""
