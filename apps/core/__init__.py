"""What every app stands on: Actor, access, jobs, the base model, the clock and the glue to HTTP."""
