// Package check holds a data directory against every invariant of the design:
// for tests, which end with it, and for `ringlog verify`.
//
//  1. Indices 1..head of each log exist, each with one digest and one time;
//     times never go back.
//  2. Every entry's bytes can be read and hash to its digest, and every batch's
//     manifest to the digest that was ordered.
//  3. Decided records chain, and so do the segments, from file to file. Checkpoints are
//     what the records before them come to, and seals repeat their file's.
//  4. The index says nothing that the decided records don't, and leaves out
//     nothing up to its checkpoint.
//
// Content that is on other nodes only is counted, where there are others. What a repair has
// marked as lost is reported, and is no failure. Examine says what of a damaged directory is
// lost, and what a repair would come to.
//
// Data and Examine change nothing: segments are given as a directory that is only read, and
// the index is looked at in a copy. Beside a running server they read the
// segments as far as they were durable when they began, and leave out the index.
package check
