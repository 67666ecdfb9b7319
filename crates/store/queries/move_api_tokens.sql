UPDATE api_tokens SET principal = $2 WHERE principal = $1
