-- One server at a time writes the log. Here the lock of the data folder sees to that, and nothing is kept.
SELECT 1;
