DELETE FROM notebook_acl WHERE subject_kind = 'principal' AND subject = $1
