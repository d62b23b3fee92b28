// Command bench measures what Zapis promises about speed and memory, and writes docs/reference/benchmarks.md.
//
// Every figure is a ratio taken in one run on one machine: the baseline and the candidate are run in turn, round by
// round, the page cache is dropped before each (when run as root; the report says whether it was), and the median over
// the rounds is given with the lowest and highest ratio beside it. Each figure stands beside its target and a verdict.
// A peer that is not installed is reported as not measured, never left out in silence.
//
// It proves nothing about other machines, and its material does not compress: footage does not either.
//
//	go run ./test/bench                     the full sizes: 4 GB in 5,008 files, one file of 10 GB, a million items
//	go run ./test/bench -sizes small        a quick look: a tenth or less of everything
//	go run ./test/bench -only ingest,page   some parts only; the report then says which parts are older
package main
