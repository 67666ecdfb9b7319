DELETE FROM room_tokens WHERE expires_ms <= $1
