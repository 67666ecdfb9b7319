DELETE FROM disabled_people WHERE principal = $1
