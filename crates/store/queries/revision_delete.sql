DELETE FROM notebook_revisions WHERE notebook_id = $1 AND id = $2
