"""Less memory for more energy: what is computed again, what is paged to flash, at the least energy for a budget."""
