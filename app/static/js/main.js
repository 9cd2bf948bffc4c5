// Filled in next: what pages can do better with script.
