"""How pages, the admin and commands show what they show: states, times, and text that others wrote."""
