"""People, teams, roles, invitations and tokens."""
