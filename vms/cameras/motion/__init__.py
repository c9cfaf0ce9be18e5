"""Motion in a camera's sub stream: pictures in, what moves in which zone out (docs/motion.md)."""
