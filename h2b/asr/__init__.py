"""Speech recognition: contracts (`base`), engines and their models, and the pool of processes that runs them."""
