"""Mesh swapper and cover. numpy and cv2."""
