// Package layout holds the tests that keep the house in order: which room may import which, one home for each
// foreign library, a package comment everywhere, and the documents that are generated from the code.
package layout
