"""Everything that knows torch: the two backends, the modes, and what an audit, the atlas and coverage ask of torch."""
