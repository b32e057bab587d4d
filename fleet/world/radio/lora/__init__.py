"""LoRa and LoRaWAN: pure models of frames, links, collisions and sessions."""
