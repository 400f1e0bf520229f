"""The views: each finds what the person may see, calls one service, and shows what came of it."""
