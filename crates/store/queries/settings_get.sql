SELECT room_tokens_only, room_token_s, credential_days FROM machine_settings WHERE owner_principal = $1
