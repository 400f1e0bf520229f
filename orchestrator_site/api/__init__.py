"""What every REST door is made of: parsing, pages, problems, idempotency keys, tags, and their documentation."""
