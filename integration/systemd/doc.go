// Package systemd holds the unit files against systemd's own tools, and has its socket activation start
// the server. What the manager is told is tested in cmd/ringlog, with a socket in its place.
package systemd
