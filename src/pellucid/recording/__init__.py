"""What happened: every step of a run can be looked at again."""
