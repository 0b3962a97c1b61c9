"""Probe, plan shards, decode, encode, mux. The only room that imports av."""
