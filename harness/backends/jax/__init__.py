"""Everything that knows JAX: the backend, its transforms and kept programs, what an audit and the atlas ask."""
