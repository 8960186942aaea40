"""Questions asked of time: episodes, change against measurement error, recovery, migration."""
