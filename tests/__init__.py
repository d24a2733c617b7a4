"""A package, so that none of that name among the installed ones comes first (torch-fidelity brings one)."""
