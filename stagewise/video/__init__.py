"""Videos of many containers and codecs, decoded strictly."""
