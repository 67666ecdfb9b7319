-- When a credential's current token was first presented after a rotation: from then on its holder has it, and the token
-- before it is an old copy that must not rotate it away.

ALTER TABLE credentials ADD COLUMN token_seen_ms BIGINT;
