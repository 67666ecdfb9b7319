UPDATE sessions SET principal = $2 WHERE principal = $1
