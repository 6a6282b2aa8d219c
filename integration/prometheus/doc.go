// Package prometheus holds what the server exposes, the alerts and the dashboard of docs/ against
// Prometheus's own promtool.
package prometheus
