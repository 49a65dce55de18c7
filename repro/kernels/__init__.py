"""SIMD lanes, maths, random streams and the training loop: what every learner and task is written with."""
