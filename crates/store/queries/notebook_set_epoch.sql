UPDATE notebooks SET room_epoch = $3 WHERE id = $1 AND room_epoch = $2
