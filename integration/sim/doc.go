// Package sim looks at what clients of simulated clusters (logserver/order/sim) see, as
// whole histories: it is here because the checker that it does so with isn't one of the
// server's dependencies.
package sim
