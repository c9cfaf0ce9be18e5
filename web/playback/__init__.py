"""The past over HTTP: byte ranges of stored files, HLS playlists, single pictures."""
