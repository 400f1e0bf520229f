"""The SQL of history: what makes the tables (``schema.sql``) and what the sealer and the verifier ask."""
