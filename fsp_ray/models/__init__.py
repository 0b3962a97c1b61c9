"""Model packs and one adapter a role and engine. The only room that imports engines."""
