"""Mesh topology, texture unwrap, face bank, generator, ageing. numpy and cv2."""
