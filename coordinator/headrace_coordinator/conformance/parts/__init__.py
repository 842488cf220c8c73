"""The parts of the kit: each plays one scene with a worker of its own, and judges what was recorded."""
