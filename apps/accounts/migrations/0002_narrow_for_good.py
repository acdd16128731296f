"""What was narrowed stays narrowed: a revoked role is granted anew or not at all, and founding never opens again."""

from django.db import migrations

GUARD = """
CREATE FUNCTION accounts_stays_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.revoked_at IS NOT NULL AND NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'a revoked role stays revoked' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER a_revoked_role_stays_revoked BEFORE UPDATE ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION accounts_stays_revoked();
CREATE FUNCTION accounts_founding_stays_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.founding_closed_at IS NOT NULL AND NEW.founding_closed_at IS DISTINCT FROM OLD.founding_closed_at THEN
    RAISE EXCEPTION 'founding never opens again' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER founding_stays_closed BEFORE UPDATE ON accounts_organisation
  FOR EACH ROW EXECUTE FUNCTION accounts_founding_stays_closed();
"""
NO_GUARD = """
DROP TRIGGER founding_stays_closed ON accounts_organisation;
DROP FUNCTION accounts_founding_stays_closed();
DROP TRIGGER a_revoked_role_stays_revoked ON accounts_membership;
DROP FUNCTION accounts_stays_revoked();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, NO_GUARD)]
