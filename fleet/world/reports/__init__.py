"""What nodes send by themselves, once in every window of time, besides their rounds: a reading, a sign of life."""
