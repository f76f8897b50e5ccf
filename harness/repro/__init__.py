"""Writing short scripts that show a finding without this package, and running them before they are believed."""
