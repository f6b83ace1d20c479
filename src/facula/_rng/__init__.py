"""How random numbers are made: generator, draws and samplers. `facula.random` is the public face."""
