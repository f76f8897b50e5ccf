"""What an audit's worker does with one side's function, whatever the framework: binding, trees, values, faults."""
