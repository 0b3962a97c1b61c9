"""The Ray Data graph that strings the stages together. The only room that imports ray."""
